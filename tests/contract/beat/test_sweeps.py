"""Sweeps find what got past the triggers, at the same cost however many rows there are."""

import re

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat import reconciliation
from djtaskq_beat.models import NextRun
from djtaskq_beat.reconciliation import Keys, Reconciliation, reconcile
from tests.contract.beat.conftest import settle


@pytest.mark.parametrize("database", ["default"], indirect=True, ids=["postgresql"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE django_celery_beat_periodictask SET start_time = now()",
        "DELETE FROM django_celery_beat_periodictask",
        "TRUNCATE django_celery_beat_periodictask",
    ],
    ids=["update", "delete", "truncate"],
)
def test_what_replication_or_a_load_without_triggers_changed_is_swept_up(
    change, dispatcher, make_task, database
):
    make_task(every=3600)
    settle(dispatcher)
    with connections[database].cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            cursor.execute(change)
        finally:
            cursor.execute("RESET session_replication_role")
    assert NextRun.objects.filter(changed_at=None).count() == 1
    assert Reconciliation(database)() == 1
    assert NextRun.objects.filter(changed_at=None).count() == 0


def unnoticed(count, database):
    """Periodic tasks whose rows of the timetable all say something else than theirs."""
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="tests.add", interval=interval) for number in range(count)
    )
    NextRun.objects.update(changed_at=None, run_at=None, planned_from="other")


def test_a_sweep_costs_the_same_however_many_rows_there_are(database, monkeypatch):
    monkeypatch.setattr(reconciliation, "SLICE", 10)
    unnoticed(200, database)
    look = Reconciliation(database)
    for _ in range(2):
        with CaptureQueriesContext(connections[database]) as captured:
            assert 0 < look() <= 3 * 10
        assert len(captured) <= 2 + 3 * 6


def test_a_sweep_that_finds_nothing_looks_at_one_slice(dispatcher, database, monkeypatch):
    monkeypatch.setattr(reconciliation, "SLICE", 10)
    unnoticed(100, database)
    settle(dispatcher)
    NextRun.objects.mark_changed()
    settle(dispatcher)
    look = Reconciliation(database)
    for _ in range(30):
        with CaptureQueriesContext(connections[database]) as captured:
            assert look() == 0
        assert len(captured) <= 12


def test_a_sweep_bounds_the_keys_of_every_table_that_it_joins(make_task, database):
    """No database infers the bounds of one table from those of another: it would read all of that one."""
    make_task()
    with CaptureQueriesContext(connections[database]) as captured:
        reconcile(database, Keys(above=7, upto=7_000_000))
    assert len(captured) == 4
    for query in captured:
        sql = query["sql"].replace("`", '"')
        assert re.search(r'"id" > 7\b', sql), sql
        assert re.search(r'"periodic_task_id" > 7\b', sql), sql
        assert len(re.findall(r"<= 7000000\b", sql)) == 2, sql


def test_sweeps_come_around_to_every_row(database, monkeypatch):
    monkeypatch.setattr(reconciliation, "SLICE", 10)
    unnoticed(105, database)
    PeriodicTask.objects.filter(name__endswith="7")._raw_delete(database)
    NextRun.objects.bulk_create([NextRun(periodic_task_id=10**9 + number) for number in range(5)])
    look = Reconciliation(database)
    for _ in range(11):
        look()
    assert not NextRun.objects.filter(changed_at=None).exists()
    assert NextRun.objects.count() == PeriodicTask.objects.count()
