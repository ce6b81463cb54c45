"""Many wait at once, in greenlets or in threads: `waitingprogram.py gevent|eventlet|threads`; writes JSON."""

import sys

kind = sys.argv[1]
if kind == "gevent":
    from gevent import monkey

    monkey.patch_all()
elif kind == "eventlet":
    import eventlet

    eventlet.monkey_patch()

import json  # noqa: E402  patched first
import os  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402

django.setup()

from celery import Celery  # noqa: E402
from django.db import connections  # noqa: E402

from djtaskq_results import listening  # noqa: E402

MANY = 20
app = Celery("waiting", broker="memory://", backend="djtaskq_results.backends:DatabaseBackend")
got: dict[str, object] = {}
stored: dict[str, float] = {}
late: list[float] = []
ticks: list[float] = []


def get(task_id):
    got[task_id] = app.AsyncResult(task_id).get(timeout=30)
    late.append(time.monotonic() - stored[task_id])
    connections.close_all()


def tick():
    while len(got) < MANY:
        time.sleep(0.01)
        ticks.append(time.monotonic())


def listeners():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory'")
        return cursor.fetchone()[0]


task_ids = [f"{kind}-{number}" for number in range(MANY)]
threads = [threading.Thread(target=get, args=[task_id]) for task_id in task_ids]
threads.append(threading.Thread(target=tick))
for thread in threads:
    thread.start()
while listeners() == 0 or not all(each.armed for each in listening._listeners["default"]._subscriptions):
    time.sleep(0.01)
time.sleep(1)  # who waits by looking alone looks each 0.2 seconds by now
connected = listeners()
for task_id in task_ids:
    stored[task_id] = time.monotonic()
    app.backend.mark_as_done(task_id, task_id)
for thread in threads:
    thread.join()
late.sort()
found = {"got": len(got), "listeners": connected, "ticks": len(ticks), "median": late[MANY // 2]}
sys.stdout.write(f"{json.dumps(found)}\n")
