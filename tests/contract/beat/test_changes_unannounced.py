"""Changes past Django's signals are seen by the triggers; past those, by comparing."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import (
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
)

from djtaskq_beat.models import NextRun
from djtaskq_beat.reconciliation import reconcile
from tests.contract.beat.conftest import planned, settle

CHANGES = {
    "its schedule": lambda task: IntervalSchedule.objects.filter(pk=task.interval_id).update(every=600),
    "another schedule": lambda task: PeriodicTask.objects.filter(pk=task.pk).update(
        interval=None, crontab=CrontabSchedule.objects.create(minute="*/10", timezone="UTC")
    ),
    "its start": lambda task: PeriodicTask.objects.filter(pk=task.pk).update(start_time=task.date_changed),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_update_past_the_signals_is_seen_at_the_next_step(change, dispatcher, make_task):
    task = make_task(every=3600)
    settle(dispatcher)
    change(task)
    assert planned(task).changed_at is not None
    before = planned(task).planned_from
    settle(dispatcher)
    assert planned(task).planned_from != before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_update_past_the_triggers_is_found_by_comparing(change, dispatcher, make_task, without_triggers):
    task = make_task(every=3600)
    settle(dispatcher)
    assert reconcile(dispatcher.using) == 0
    change(task)
    assert planned(task).changed_at is None
    assert reconcile(dispatcher.using) == 1
    assert planned(task).changed_at is not None
    settle(dispatcher)
    assert reconcile(dispatcher.using) == 0


def five_at_once():
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="tests.add", interval=interval, enabled=number < 3)
        for number in range(5)
    )


def test_rows_made_past_the_signals_are_seen_at_the_next_step(dispatcher, database):
    five_at_once()
    assert NextRun.objects.count() == 3
    settle(dispatcher)
    assert NextRun.objects.filter(slot__isnull=False).count() == 3


def test_rows_made_past_the_triggers_are_found(dispatcher, database, without_triggers):
    five_at_once()
    assert NextRun.objects.count() == 0
    assert reconcile(database) == 3
    settle(dispatcher)
    assert NextRun.objects.filter(slot__isnull=False).count() == 3


def test_rows_deleted_past_the_signals_are_forgotten_at_once(dispatcher, make_task, database):
    task = make_task()
    settle(dispatcher)
    PeriodicTask.objects.filter(pk=task.pk)._raw_delete(database)
    assert NextRun.objects.count() == 0


def test_rows_deleted_past_the_triggers_are_forgotten(dispatcher, make_task, database, without_triggers):
    task = make_task()
    settle(dispatcher)
    PeriodicTask.objects.filter(pk=task.pk)._raw_delete(database)
    assert reconcile(database) == 1
    assert NextRun.objects.count() == 0


def test_a_reconciliation_that_finds_nothing_is_four_statements(dispatcher, make_task, database):
    for number in range(20):
        make_task(f"task {number}", every=3600)
    settle(dispatcher)
    with CaptureQueriesContext(connections[database]) as captured:
        assert reconcile(database) == 0
    assert len(captured) == 4


def test_more_new_rows_than_are_taken_at_once_are_all_found_without_a_pause(
    dispatcher, database, monkeypatch, without_triggers
):
    monkeypatch.setattr("djtaskq_beat.reconciliation.MOST", 4)
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="tests.add", interval=interval) for number in range(11)
    )
    for _ in range(20):
        dispatcher.step()
    assert NextRun.objects.filter(slot__isnull=False).count() == 11
