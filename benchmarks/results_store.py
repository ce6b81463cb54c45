"""Storing STARTED and SUCCESS of a task, each committed: the backends beside bare upserts.

Celery's SQLAlchemy backend is among them where SQLAlchemy is installed.
"""

import importlib.util
import uuid

from benchmarks import harness

DRIVERS = {"postgresql": "postgresql+psycopg2", "mysql": "mysql+mysqldb", "sqlite": "sqlite"}

# What every backend must write at least, the constant columns spelled out.
NARROW = """
INSERT INTO django_celery_results_taskresult AS t (task_id, status, result, content_type, content_encoding,
    traceback, meta, date_created, date_done, date_started)
VALUES (%s, %s, %s, 'application/json', 'utf-8', NULL, %s, now(), now(), %s)
ON CONFLICT (task_id) DO UPDATE SET status = EXCLUDED.status, result = EXCLUDED.result,
    traceback = EXCLUDED.traceback, meta = EXCLUDED.meta, date_done = EXCLUDED.date_done,
    date_started = COALESCE(EXCLUDED.date_started, t.date_started)
WHERE t.status <> 'SUCCESS'
"""

# The row that djtaskq writes: with the names and arguments that `result_extended` asks for.
WHOLE = """
INSERT INTO django_celery_results_taskresult AS t (task_id, status, result, content_type, content_encoding,
    traceback, meta, task_name, task_args, task_kwargs, worker, date_created, date_done, date_started)
VALUES (%s, %s, %s, 'application/json', 'utf-8', NULL, %s, %s, %s, %s, %s, now(), now(), %s)
ON CONFLICT (task_id) DO UPDATE SET status = EXCLUDED.status, result = EXCLUDED.result,
    traceback = EXCLUDED.traceback, meta = EXCLUDED.meta, date_done = EXCLUDED.date_done,
    task_name = COALESCE(EXCLUDED.task_name, t.task_name), worker = COALESCE(EXCLUDED.worker, t.worker),
    task_args = COALESCE(EXCLUDED.task_args, t.task_args),
    task_kwargs = COALESCE(EXCLUDED.task_kwargs, t.task_kwargs),
    date_started = COALESCE(EXCLUDED.date_started, t.date_started)
WHERE t.status <> 'SUCCESS'
"""


def main() -> None:
    options = harness.arguments(__doc__)
    with harness.database(options.database, broker="redis") as (alias, redis):
        requests = _Requests(options.size)
        contenders = _contenders(alias, redis, requests)
        medians = harness.compare(contenders, options.rounds, dict.fromkeys(contenders, requests.renew))
    harness.report(f"STARTED and SUCCESS on {options.database}", medians, options.size, "tasks")


class _Requests:
    """The requests of as many new tasks, made before the time is taken: a worker has them anyway."""

    def __init__(self, size):
        self.size = size
        self.all = []

    def renew(self):
        from celery.app.task import Context

        extended = {"task": "proj.tasks.add", "argsrepr": "(2, 3)", "kwargsrepr": "{}", "hostname": "w@h"}
        self.all = [Context(id=str(uuid.uuid4()), args=[2, 3], **extended) for _ in range(self.size)]


def _contenders(alias, redis, requests):
    from celery import Celery
    from celery.backends.redis import RedisBackend
    from django.test import override_settings
    from django_celery_results.backends import DatabaseBackend as Peer

    from djtaskq_results.backends import DatabaseBackend

    app = Celery("benchmark", broker="memory://")
    app.conf.result_extended = True

    def through(backend, **settings):
        def work():
            with override_settings(DJTASKQ=settings):
                for request in requests.all:
                    backend.store_result(
                        request.id, {"pid": 1, "hostname": "w@h"}, "STARTED", request=request
                    )
                    backend.store_result(request.id, 5, "SUCCESS", request=request)

        return work

    contenders = {}
    if alias == "default":
        contenders["two bare upserts"] = _bare(alias, requests, NARROW, ())
        extended = ("proj.tasks.add", '"(2, 3)"', '"{}"', "w@h")
        contenders["two bare upserts of the whole row"] = _bare(alias, requests, WHOLE, extended)
    contenders["djtaskq"] = through(DatabaseBackend(app=app))
    contenders["djtaskq with RESULTS_DETAILS"] = through(DatabaseBackend(app=app), RESULTS_DETAILS=True)
    contenders["django-celery-results"] = through(Peer(app=app))
    if importlib.util.find_spec("sqlalchemy"):
        contenders["Celery's SQLAlchemy backend"] = through(_sqlalchemy(app, alias))
    contenders["Celery's Redis backend"] = through(RedisBackend(url=redis, app=app))
    return contenders


def _bare(alias, requests, statement, extended):
    from django.db import connections

    def work():
        with connections[alias].cursor() as wrapped:
            cursor = wrapped.cursor  # the driver's own, without Django around it
            for request in requests.all:
                task_id = request.id
                cursor.execute(statement, (task_id, "STARTED", '{"pid": 1}', "{}", *extended, "2026-01-01"))
                cursor.execute(statement, (task_id, "SUCCESS", "5", "{}", *extended, None))

    return work


def _sqlalchemy(app, alias):
    from celery.backends.database import DatabaseBackend
    from django.db import connections

    settings, vendor = connections[alias].settings_dict, connections[alias].vendor
    if vendor == "sqlite":
        url = f"sqlite:///{settings['NAME']}-sqlalchemy"
    else:
        where = f"{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
        url = f"{DRIVERS[vendor]}://{where}/{settings['NAME']}"
    backend = DatabaseBackend(url=url, app=app)
    # As it is in a worker's child, where it keeps its connection.
    backend.session_manager.forked = True
    return backend


if __name__ == "__main__":
    main()
