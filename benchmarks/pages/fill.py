"""A monitor a month at work: tasks of the last day, statistics of 30 days, workers and queues."""

import datetime as dt

QUEUES = ("celery", "mail", "import", "slow")
NAMES, WORKERS = 40, 20
RARE = "shop.tasks.rare"
HISTOGRAM = "88:3 93:9 97:22 101:41 105:38 109:20 113:9 120:4 128:1"
TRACEBACK = "Traceback (most recent call last):\n" + '  File "/srv/shop/tasks.py", line 12, in charge\n' * 20

# Every 33rd failed, every 1,000th was revoked, and some have not ended yet; the newest come last.
_TASKS = """
    INSERT INTO djtaskq_monitor_taskstate
        (state, outcome, task_id, name, tstamp, args, kwargs, result, exception, traceback, runtime, retries,
         worker, hidden, first_seen, sent, received, started, succeeded, failed, queue, root_id,
         writes, rank, described, result_key, error_key)
    SELECT state, CASE WHEN state IN ('SUCCESS', 'FAILURE', 'REVOKED') THEN state END,
        id, CASE WHEN mod(n, 2000) = 7 THEN %(rare)s ELSE 'shop.tasks.job_' || mod(n, 40) END,
        to_timestamp(at / 1000000.0), '(1, ' || n || ')', '{}',
        CASE WHEN state = 'SUCCESS' THEN '{''sum'': ' || n || '}' END,
        CASE WHEN state = 'FAILURE' THEN
            (ARRAY['ValueError', 'KeyError', 'TimeoutError'])[1 + mod(n, 3)] || '(''no such order'')' END,
        CASE WHEN state = 'FAILURE' THEN %(traceback)s END,
        CASE WHEN state = 'SUCCESS' THEN 0.01 + mod(n::bigint * 7919, 5000) / 1000.0 END, 0,
        'worker' || mod(n, 20) || '@host', false, at, at, at + 20000, at + 40000,
        CASE WHEN state = 'SUCCESS' THEN at + 900000 END, CASE WHEN state = 'FAILURE' THEN at + 900000 END,
        (ARRAY['celery', 'mail', 'import', 'slow'])[1 + mod(mod(n, 40), 4)], id, 4, 0, 0, 0, 0
    FROM (
        SELECT n, md5(n::text)::uuid::text AS id,
            (extract(epoch FROM now()) * 1000000)::bigint - (%(size)s - n) * (86400000000 / %(size)s) AS at,
            CASE WHEN %(size)s - n < 40 THEN 'STARTED' WHEN mod(n, 1000) = 3 THEN 'REVOKED'
                 WHEN mod(n, 33) = 1 THEN 'FAILURE' ELSE 'SUCCESS' END AS state
        FROM generate_series(1, %(size)s) AS n
    ) AS numbered
"""
_STATISTICS = """
    INSERT INTO djtaskq_monitor_taskstatistics
        (resolution, at, series_id, sent, received, started, succeeded, failed, retried, revoked, rejected,
         cancelled, runtime, wait, runtimes, waits)
    SELECT %(resolution)s, at * 1000000, id, share, share, share, share, share / 33, 0, 0, 0, 0,
        share * 300000, share * 20000, %(histogram)s, %(histogram)s
    FROM (SELECT id, CASE WHEN name = '(all)' THEN 700 ELSE 17 END::bigint * %(resolution)s / 60 AS share
          FROM djtaskq_monitor_series) AS series,
        generate_series(%(since)s::bigint, %(until)s::bigint, %(resolution)s) AS at
"""
_SAMPLES = """
    INSERT INTO djtaskq_monitor_queuesample (queue_id, at, length)
    SELECT id, at * 1000000, mod(at / 60 * 37, 500)
    FROM djtaskq_monitor_queuestate, generate_series(%(since)s::bigint, %(until)s::bigint, 60) AS at
"""


def fill(alias: str, size: int) -> None:
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_superuser("root", "root@example.org", "secret")
    _workers()
    _series()
    if _fills_by_sql(alias):
        _many(alias, size)
    else:
        _few(size)


def _workers() -> None:
    from django.utils import timezone

    from djtaskq_monitor.models import CameraState, QueueState, WorkerState

    now = timezone.now()
    WorkerState.objects.bulk_create(
        WorkerState(
            hostname=f"worker{number}@host",
            last_heartbeat=now + dt.timedelta(hours=6) if number else now - dt.timedelta(hours=1),
            first_seen=now,
            freq=2,
            active=number % 5,
            processed=50_000,
            queues="celery\nmail",
        )
        for number in range(WORKERS)
    )
    CameraState.objects.create(
        host="host", pid=1, queue="q", freq=1, started=now, last_write=now + dt.timedelta(hours=6)
    )
    QueueState.objects.bulk_create(
        QueueState(name=name, length=17 * number, consumers=4, oldest=now, told=now, asked=now)
        for number, name in enumerate(QUEUES)
    )


def _series() -> None:
    """Names, queues and workers by themselves, some of them together, and all."""
    from djtaskq_monitor.statistics.labels import digest, views
    from djtaskq_monitor.statistics.models import Series
    from djtaskq_monitor.statistics.tally import Label

    labels = {
        view
        for number in range(NAMES)
        for worker in range(0, WORKERS, 5)
        for view in views(Label(f"shop.tasks.job_{number}", QUEUES[number % 4], f"worker{worker}@host"))
    }
    Series.objects.bulk_create(
        Series(name=label.name, queue=label.queue, worker=label.worker, digest=digest(label))
        for label in sorted(labels)
    )


def _many(alias: str, size: int) -> None:
    from django.db import connections

    tables = ("taskstate", "taskstatistics", "queuesample", "series")
    with connections[alias].cursor() as cursor:
        cursor.execute(_TASKS, {"size": size, "rare": RARE, "traceback": TRACEBACK})
        for resolution, days in ((60, 2), (3_600, 30), (86_400, 30)):
            cursor.execute(
                _STATISTICS,
                {"resolution": resolution, "histogram": HISTOGRAM, **_range(min(days, size), resolution)},
            )
        cursor.execute(_SAMPLES, _range(min(7, size), 60))
        for table in tables:
            cursor.execute(f"VACUUM (ANALYZE) djtaskq_monitor_{table}")


def _range(days: int, resolution: int) -> dict[str, int]:
    now = int(dt.datetime.now(dt.UTC).timestamp()) // resolution * resolution
    return {"since": now - days * 86_400, "until": now}


def _few(size: int) -> None:
    """Some rows of each, for databases where a benchmark is small."""
    from django.utils import timezone

    from djtaskq_monitor.models import TaskState

    now = timezone.now()
    for number in range(size):
        TaskState.objects.create(
            task_id=f"{number:032x}",
            name=f"shop.tasks.job_{number % NAMES}",
            state="FAILURE" if number % 33 == 1 else "SUCCESS",
            exception="ValueError()" if number % 33 == 1 else None,
            tstamp=now - dt.timedelta(seconds=size - number),
            runtime=0.5,
            queue="celery",
        )


def _fills_by_sql(alias: str) -> bool:
    from django.db import connections

    return connections[alias].vendor == "postgresql"
