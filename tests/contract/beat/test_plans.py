"""What a tick asks is answered from an index, whatever the number of schedules and runs."""

import datetime as dt

import pytest
from django.db import connections
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import Alert, NextRun, TaskRun
from djtaskq_beat.overlap import unfinished

ROWS = 1_000


@pytest.fixture
def full(database, clock):
    """As many schedules, ten runs of each of the first hundred; little is due and little waits."""
    now = clock()
    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="tests.add", interval=hourly) for number in range(ROWS)
    )
    keys = list(PeriodicTask.objects.order_by("pk").values_list("pk", flat=True))
    NextRun.objects.all().delete()
    NextRun.objects.bulk_create(
        NextRun(periodic_task_id=key, run_at=now + dt.timedelta(seconds=number), planned_from="x")
        for number, key in enumerate(keys)
    )
    runs = [
        TaskRun(
            periodic_task_id=key,
            name="task",
            slot=now - dt.timedelta(hours=number),
            state="published",
            claimed_at=now - dt.timedelta(hours=number),
            claimed_by="test:1",
            outcome="SUCCESS",
        )
        for key in keys[:100]
        for number in range(10)
    ]
    runs[0].retry_at = runs[1].follow_at = now
    TaskRun.objects.bulk_create(runs)
    _analyze(database)
    return keys


def _analyze(database):
    with connections[database].cursor() as cursor:
        for model in (NextRun, TaskRun, Alert):
            table = connections[database].ops.quote_name(model._meta.db_table)
            cursor.execute(
                f"ANALYZE TABLE {table}" if connections[database].vendor == "mysql" else f"ANALYZE {table}"
            )
            if cursor.description:
                cursor.fetchall()


def asked():
    """What a tick and a page ask, and the index that answers; SQLite names a constraint's index itself."""
    one = NextRun.objects.values_list("pk", flat=True).first()
    waiting = TaskRun.objects.filter(retry_at__isnull=False).order_by("retry_at")
    followed = TaskRun.objects.filter(follow_at__isnull=False).order_by("follow_at")
    yield NextRun.objects.due()[:500], ["djtaskq_next_run_at"]
    yield NextRun.objects.filter(run_at__isnull=False).order_by("run_at")[:1], ["djtaskq_next_run_at"]
    yield TaskRun.objects.forsaken()[:500], ["djtaskq_run_retry_at"]
    yield waiting[:1], ["djtaskq_run_retry_at"]
    yield followed[:500], ["djtaskq_run_follow_at"]
    yield (
        TaskRun.objects.filter(periodic_task=one).newest_first()[:10],
        ["djtaskq_one_run_per_slot", "autoindex_djtaskq_beat_taskrun"],
    )


def test_what_a_tick_asks_is_answered_from_an_index(full):
    for query, names in asked():
        assert any(name in query.explain() for name in names), query.explain()


def test_runs_that_have_not_ended_are_one_statement(full, database, clock, django_assert_num_queries):
    since = clock() - dt.timedelta(hours=1)
    with django_assert_num_queries(1, using=database):
        assert unfinished({full[0]: since}, database) == {}
