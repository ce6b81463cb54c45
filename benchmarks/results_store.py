"""Storing STARTED and SUCCESS of a task, each committed: the backends beside bare upserts."""

import uuid

from benchmarks import harness

UPSERT = """
INSERT INTO django_celery_results_taskresult AS t (task_id, status, result, content_type, content_encoding,
    traceback, meta, date_created, date_done, date_started)
VALUES (%s, %s, %s, 'application/json', 'utf-8', NULL, %s, now(), now(), %s)
ON CONFLICT (task_id) DO UPDATE SET status = EXCLUDED.status, result = EXCLUDED.result,
    traceback = EXCLUDED.traceback, meta = EXCLUDED.meta, date_done = EXCLUDED.date_done,
    date_started = COALESCE(EXCLUDED.date_started, t.date_started)
WHERE t.status <> 'SUCCESS'
"""


def main() -> None:
    options = harness.arguments(__doc__)
    with harness.database(options.database) as (alias, _):
        contenders = _contenders(alias, options.size)
        medians = harness.compare(contenders, options.rounds)
    harness.report(f"STARTED and SUCCESS on {options.database}", medians, options.size, "tasks")


def _contenders(alias, size):
    from celery import Celery
    from celery.app.task import Context
    from django.db import connections
    from django_celery_results.backends import DatabaseBackend as Peer

    from djtaskq_results.backends import DatabaseBackend

    app = Celery("benchmark", broker="memory://")
    app.conf.result_extended = True

    def through(backend):
        def work():
            for _ in range(size):
                task_id = str(uuid.uuid4())
                request = Context(
                    id=task_id, task="proj.tasks.add", argsrepr="(2, 3)", kwargsrepr="{}", hostname="w@h"
                )
                backend.store_result(task_id, {"pid": 1, "hostname": "w@h"}, "STARTED", request=request)
                backend.store_result(task_id, 5, "SUCCESS", request=request)

        return work

    def bare():
        with connections[alias].cursor() as wrapped:
            cursor = wrapped.cursor  # the driver's own, without Django around it
            for _ in range(size):
                task_id = str(uuid.uuid4())
                cursor.execute(UPSERT, (task_id, "STARTED", '{"pid": 1}', "{}", "2026-01-01"))
                cursor.execute(UPSERT, (task_id, "SUCCESS", "5", "{}", None))

    contenders = {}
    if alias == "default":
        contenders["two bare upserts"] = bare
    contenders["djtaskq"] = through(DatabaseBackend(app=app))
    contenders["django-celery-results"] = through(Peer(app=app))
    return contenders


if __name__ == "__main__":
    main()
