"""A Celery app with the tasks that these tests send; run by a real worker on tests.settings."""

import os
import signal
import time

import django
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connections, transaction  # noqa: E402  Django must be set up

from djtaskq.db.aside import SUFFIX  # noqa: E402

app = Celery("results")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    result_backend="djtaskq_results.backends:DatabaseBackend",
    result_extended=True,
    task_track_started=True,
)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def echo(value):
    return value


@app.task
def fail(text):
    raise ValueError(text)


@app.task(bind=True, max_retries=3, default_retry_delay=0)
def succeed_at_third(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task(ignore_result=True)
def ignored(x):
    return x


@app.task(bind=True)
def join_the_chord(self, numbers):
    for number in numbers:
        self.add_to_chord(echo.s(number))
    return 0


@app.task(bind=True)
def progress_inside_a_transaction(self):
    with transaction.atomic():
        self.update_state(state="PROGRESS", meta={"done": 1})
        seen = self.AsyncResult(self.request.id).state
        transaction.set_rollback(True)
    return seen


@app.task
def hang():
    time.sleep(60)


@app.task
def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def session():
    """The database's number for the session that this process stores its results in; None if it has none."""
    beside = getattr(connections._connections, os.environ["DJTASKQ_TEST_DATABASE"] + SUFFIX, None)
    if beside is None or beside.connection is None:
        return None
    function = {"postgresql": "pg_backend_pid", "mysql": "connection_id"}[beside.vendor]
    with beside.cursor() as cursor:
        cursor.execute(f"SELECT {function}()")
        return cursor.fetchone()[0]
