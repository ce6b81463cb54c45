"""What is planned for years ahead costs a beat nothing now."""

import datetime as dt

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import ClockedSchedule

from djtaskq_beat.models import NextRun
from tests.contract.beat.conftest import settle

AHEAD = dt.timedelta(days=4000)
FIRST = 1_000_000


@pytest.fixture
def far_future(database, clock):
    """Five thousand clocked times of years ahead, as the timetable has them."""
    slot = clock() + AHEAD
    NextRun.objects.bulk_create(
        NextRun(periodic_task_id=FIRST + number, slot=slot, run_at=slot, planned_from="clocked")
        for number in range(5_000)
    )
    with connections[database].cursor() as cursor:
        table = connections[database].ops.quote_name(NextRun._meta.db_table)
        cursor.execute(f"ANALYZE {'TABLE ' if database == 'mariadb' else ''}{table}")


def explained(database, sql):
    prefix = "EXPLAIN QUERY PLAN " if database == "sqlite" else "EXPLAIN "
    with connections[database].cursor() as cursor:
        cursor.execute(prefix + sql)
        return " ".join(str(column) for line in cursor.fetchall() for column in line)


def test_no_statement_of_a_tick_reads_them(far_future, dispatcher, make_task, make_due, sent, database):
    task = make_task(every=3600)
    settle(dispatcher)
    make_due(3600, pk=task.pk)
    with CaptureQueriesContext(connections[database]) as captured:
        settle(dispatcher)
    assert len(sent()) == 1
    asked = [
        query["sql"]
        for query in captured
        if query["sql"].startswith("SELECT") and "djtaskq_beat_nextrun" in query["sql"]
    ]
    assert len(asked) >= 2
    for sql in asked:
        assert "djtaskq_next_run_at" in explained(database, sql), (sql, explained(database, sql))


def test_one_that_is_moved_to_the_past_runs_though_it_was_far_away(dispatcher, make_task, sent, clock):
    clocked = ClockedSchedule.objects.create(clocked_time=clock() + AHEAD)
    make_task(clocked=clocked, one_off=True)
    assert settle(dispatcher) > dt.timedelta(days=3999).total_seconds()
    clocked.clocked_time = clock() - dt.timedelta(seconds=1)
    clocked.save()
    settle(dispatcher)
    assert len(sent()) == 1
