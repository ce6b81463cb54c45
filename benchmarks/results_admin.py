"""The pages of the results' admin over many results, beside django-celery-results' own admin."""

import datetime as dt
import json
import time

from benchmarks import harness
from benchmarks.admin_lists import _Page as Page

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/srv/.venv/lib/python3.12/site-packages/celery/app/trace.py", line 453, in trace_task\n'
    "    R = retval = fun(*args, **kwargs)\n"
    '  File "/srv/shop/tasks.py", line 12, in charge\n    raise ValueError(order)\n'
    "ValueError: no such order\n"
)
FAILED = json.dumps({"exc_type": "ValueError", "exc_message": ["no such order"], "exc_module": "builtins"})
OURS, PEERS = "/admin/django_celery_results/taskresult/", "/peer/django_celery_results/taskresult/"
# Of 1,000 results in a row: 30 failed, 1 was revoked, and one task ran long ago alone.
RARE, OLD = "shop.tasks.rare", "shop.tasks.old"


def main() -> None:
    options = harness.arguments(__doc__)
    with harness.database(options.database) as (alias, _):
        _fill(alias, options.size)
        pages = _pages(options.size)
        quickest = _quickest(pages, options.rounds)
        print(f"\n{options.size:,} results on {options.database}\n")
        print("| contender | page | ms, at best | statements | kB |")
        print("|---|---|---:|---:|---:|")
        for name, page in pages.items():
            figures = f"{quickest[name] * 1000:.0f} | {page.statements(alias)} | {page.size / 1000:.0f}"
            print(f"| {name[0]} | {name[1]} | {figures} |")


def _quickest(pages, rounds):
    """Seconds of each page's best round: what else the machine does can but add to it."""
    best = dict.fromkeys(pages, float("inf"))
    for turn in range(rounds + 1):
        for name, page in pages.items():
            start = time.perf_counter()
            page.get()
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def _fill(alias, size):
    from django.contrib.auth import get_user_model
    from django.db import connections

    get_user_model().objects.create_superuser("root", "root@example.org", "secret")
    connection = connections[alias]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, [FAILED, TRACEBACK, size])
            cursor.execute(_DETAILS)
            for table in ("django_celery_results_taskresult", "djtaskq_results_taskdetail"):
                cursor.execute(f"VACUUM (ANALYZE) {table}")
    else:
        _many(size)


# The newest come last, as they would; the oldest fifth are another task's.
_ROWS = f"""
    INSERT INTO django_celery_results_taskresult
        (task_id, task_name, task_args, task_kwargs, status, worker, content_type, content_encoding, result,
         date_created, date_started, date_done, traceback, meta)
    SELECT md5(n::text)::uuid::text,
        CASE WHEN n < size / 5 THEN '{OLD}' WHEN mod(n, 2000) = 7 THEN '{RARE}'
             ELSE 'shop.tasks.job_' || mod(n, 40) END,
        '"(1, 2)"', '"{{}}"', state, 'worker' || mod(n, 20) || '@host', 'application/json', 'utf-8',
        CASE WHEN state = 'FAILURE' THEN %s ELSE '{{"sum": 3}}' END,
        done - interval '2 s', done - interval '1 s', done,
        CASE WHEN state = 'FAILURE' THEN %s END, '{{"children": []}}'
    FROM (
        SELECT n, size, now() - (size - n) * interval '100 ms' AS done,
            CASE WHEN mod(n, 1000) = 3 THEN 'REVOKED'
                 WHEN mod(n, 33) = 1 THEN 'FAILURE' ELSE 'SUCCESS' END AS state
        FROM (SELECT %s AS size) AS given, generate_series(1, size) AS n
    ) AS numbered
"""
_DETAILS = """
    INSERT INTO djtaskq_results_taskdetail (task_id, queue, retries, attempts, created_at)
    SELECT task_id, CASE WHEN mod(id, 500) = 0 THEN 'rare' ELSE 'celery' END, 0, 1,
        (EXTRACT(EPOCH FROM date_created) * 1000000)::bigint
    FROM django_celery_results_taskresult
"""


def _many(size):
    """The same rows one by one, for databases where a benchmark is small."""
    from django.utils import timezone
    from django_celery_results.models import TaskResult

    now = timezone.now()
    rows = [
        TaskResult(
            task_id=f"{number:032x}",
            task_name=OLD
            if number < size / 5
            else RARE
            if number % 2000 == 7
            else f"shop.tasks.job_{number % 40}",
            status="FAILURE" if number % 33 == 1 else "SUCCESS",
            worker=f"worker{number % 20}@host",
            content_type="application/json",
            content_encoding="utf-8",
            result=FAILED if number % 33 == 1 else "3",
            traceback=TRACEBACK if number % 33 == 1 else None,
            date_done=now - dt.timedelta(seconds=size - number),
        )
        for number in range(size)
    ]
    TaskResult.objects.bulk_create(rows, batch_size=1_000)


def _pages(size):
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.utils.http import urlencode
    from django_celery_results.models import TaskResult

    _add_the_peer()
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.get())
    newest = TaskResult.objects.order_by("-date_done")
    deep = newest[size // 2]
    failed = newest.filter(status="FAILURE")[0]
    some = newest[min(size - 1, 10)]
    found = {
        "list": "",
        "list, oldest first": "?o=4",
        "list, half-way down": "?" + urlencode({"after": f"{deep.date_done.isoformat()},{deep.pk}"}),
        "state, 3 %": "?status=FAILURE",
        "state, 0.1 %": "?status=REVOKED",
        "state, of nothing": "?status=REJECTED",
        "task, 2 %": "?task_name=shop.tasks.job_3",
        "task, 0.05 %": f"?task_name={RARE}",
        "task, 20 %, all of them old": f"?task_name={OLD}",
        "worker": "?worker=worker7@host",
        "queue, most": "?queue=celery",
        "queue, 0.2 %": "?queue=rare",
        "state, task and worker": "?status=FAILURE&task_name=shop.tasks.job_3&worker=worker3@host",
        "the last hour": "?since=1h",
        "state in the last hour": "?since=1h&status=FAILURE",
        "search, a task id": f"?q={some.task_id[:8]}",
        "search, a task's name": "?q=shop.tasks.job_3",
        "page of one": f"{some.pk}/change/",
        "page of one that failed": f"{failed.pk}/change/",
    }
    pages = {("djtaskq", name): Page(client, OURS + path) for name, path in found.items()}
    pages["django-celery-results", "list"] = Page(client, PEERS)
    pages["django-celery-results", "page of one"] = Page(client, f"{PEERS}{some.pk}/change/")
    return pages


def _add_the_peer():
    """django-celery-results' own admin class, on a site of its own."""
    from django.contrib import admin
    from django.urls import path
    from django_celery_results import admin as theirs
    from django_celery_results import models

    from tests import urls

    site = admin.AdminSite("peer")
    site.register(models.TaskResult, theirs.TaskResultAdmin)
    urls.urlpatterns.append(path("peer/", site.urls))


if __name__ == "__main__":
    main()
