"""Cleaning up half of a table while workers write: how long the writers wait, beside the peer's clean-up.

`--size` rows go, and as many stay.
"""

import datetime as dt
import multiprocessing
import statistics
import sys
import time
import uuid
from contextlib import contextmanager

from benchmarks import harness

WRITERS = 4
# Of each writer; so that what is measured is waiting, and not two cores that are fully taken.
WRITES_A_SECOND = 50
QUIET_SECONDS = 5.0
BATCH = 5_000

FILL = """
INSERT INTO django_celery_results_taskresult
    (task_id, status, result, content_type, content_encoding, traceback, meta, date_created, date_done)
SELECT gen_random_uuid(), 'SUCCESS', '5', 'application/json', 'utf-8', NULL, '{"children": []}', at, at
FROM (SELECT now() - %s::interval + number * interval '1 millisecond' AS at
      FROM generate_series(1, %s) AS number) AS times
"""


def main() -> None:
    options = harness.arguments(__doc__, size=500_000, rounds=1)
    with harness.database(options.database) as (alias, _):
        from django_celery_results.backends import DatabaseBackend as Peer

        from djtaskq_results.backends import DatabaseBackend

        contenders = {"djtaskq": DatabaseBackend, "django-celery-results": Peer}
        measured = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, backend in contenders.items():
                measured[name].append(_measure(backend, alias, options.size))
        rounds = _keep(alias, options.size)
    _report(measured, options)
    _report_kept(rounds, options)


def _measure(backend, alias, size):
    """One clean-up: its seconds, its longest statement, the writes before it and those while it ran."""
    from celery import Celery
    from django.db import connections
    from django_celery_results.models import TaskResult

    _fill(alias, size)
    celery = Celery("benchmark", broker="memory://", set_as_current=False)
    cleaner = backend(app=celery)
    with _writers() as writes:
        time.sleep(min(QUIET_SECONDS, 0.5 + size / 1_000))
        longest = [0.0]
        began = time.monotonic()
        with connections[alias].execute_wrapper(_timing(longest)):
            cleaner.cleanup()
        ended = time.monotonic()
    left = TaskResult.objects.filter(date_done__lt=_ago(2)).count()
    assert not left, f"{left} rows were left"
    quiet = [seconds for at, seconds in writes if at + seconds < began]
    busy = [seconds for at, seconds in writes if at < ended and at + seconds > began]
    return ended - began, longest[0], quiet, busy


def _keep(alias, size):
    """Seconds of two rounds, one after the other, over rows that are old and kept for ever."""
    from django.test import override_settings

    from djtaskq_results import retention

    _fill(alias, size)
    with override_settings(DJTASKQ={"RESULTS_RETENTION": {"states": {"SUCCESS": None}}}):
        policy = retention.policy({}, 2 * 86_400)
        return [_seconds(lambda: retention.expire(policy)) for _ in range(2)]


def _seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _fill(alias, size):
    from django.db import connections
    from django_celery_results.models import TaskResult

    with connections[alias].cursor() as cursor:
        if alias == "default":
            cursor.execute("TRUNCATE django_celery_results_taskresult")
            cursor.execute(FILL, ("3 days", size))
            cursor.execute(FILL, ("1 hour", size))
            cursor.execute("VACUUM ANALYZE django_celery_results_taskresult")
            return
        cursor.execute("DELETE FROM django_celery_results_taskresult")
    for days in (3, 0):
        for start in range(0, size, BATCH):
            made = TaskResult.objects.bulk_create(
                TaskResult(task_id=uuid.uuid4(), status="SUCCESS", result="5")
                for _ in range(min(BATCH, size - start))
            )
            ids = [row.task_id for row in made]
            TaskResult.objects.filter(task_id__in=ids).update(date_done=_ago(days))


def _ago(days):
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=days, hours=-1 if days else 1)


def _timing(longest):
    def time_statement(execute, *arguments):
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            longest[0] = max(longest[0], time.perf_counter() - began)

    return time_statement


@contextmanager
def _writers():
    """Processes that store states all the while; gives the list that their writes are in afterwards."""
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Semaphore(0), context.Event()
    ends = []
    for number in range(WRITERS):
        here, there = context.Pipe(duplex=False)
        writer = context.Process(target=_write, args=(ready, stop, there, number))
        writer.start()
        ends.append((writer, here))
    writes = []
    try:
        if not all(ready.acquire(timeout=60) for _ in ends):
            sys.exit("A writer did not start.")
        yield writes
    finally:
        stop.set()
        for writer, here in ends:
            if here.poll(10):
                writes += here.recv()
            writer.kill()
            writer.join()


def _write(ready, stop, there, number):
    import django

    django.setup()
    from celery import Celery

    from djtaskq_results.backends import DatabaseBackend

    backend = DatabaseBackend(app=Celery("benchmark", broker="memory://"))
    backend.mark_as_done(str(uuid.uuid4()), number)
    writes = []
    ready.release()
    following = time.monotonic()
    while not stop.is_set():
        task_id = str(uuid.uuid4())
        for store in (lambda: backend.mark_as_started(task_id), lambda: backend.mark_as_done(task_id, 5)):  # noqa: B023
            following = max(time.monotonic(), following + 1 / WRITES_A_SECOND)
            time.sleep(following - time.monotonic() if following > time.monotonic() else 0)
            began = time.monotonic()
            store()
            writes.append((began, time.monotonic() - began))
    there.send(writes)


def _report(measured, options):
    print(
        f"\nCleaning up {options.size:,} of {2 * options.size:,} rows on {options.database}, while "
        f"{WRITERS} processes write {WRITES_A_SECOND} times a second each; milliseconds but for the first\n"
    )
    print("| | seconds | longest statement | write p50 | p99 | longest |")
    print("|---|---:|---:|---:|---:|---:|")
    quiet = [seconds for rounds in measured.values() for _, _, before, _ in rounds for seconds in before]
    print(f"| no clean-up | | | {_spread(quiet)} |")
    for name, rounds in measured.items():
        total = statistics.median(seconds for seconds, *_ in rounds)
        longest = max(statement for _, statement, *_ in rounds)
        busy = [seconds for *_, during in rounds for seconds in during]
        print(f"| {name} | {total:.1f} | {1000 * longest:,.0f} | {_spread(busy)} |")


def _report_kept(rounds, options):
    print(f"\n{options.size:,} rows that are old and kept for ever\n")
    print("| | milliseconds |")
    print("|---|---:|")
    for name, seconds in zip(("first round", "the next one"), rounds, strict=True):
        print(f"| {name} | {1000 * seconds:,.0f} |")


def _spread(seconds):
    if len(seconds) < 2:
        return " | | "
    parts = statistics.quantiles(seconds, n=100, method="inclusive")
    return " | ".join(f"{1000 * value:,.1f}" for value in (parts[49], parts[98], max(seconds)))


if __name__ == "__main__":
    main()
