"""Edits of every kind reach the timetable with the next step; what gets past the triggers, by a sweep."""

import datetime as dt
import threading

from django.core import serializers
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import (
    ClockedSchedule,
    IntervalSchedule,
    PeriodicTask,
)

from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from djtaskq_beat.reconciliation import reconcile
from tests.contract.beat.conftest import planned, settle


def minutes_away(task, clock):
    return round((planned(task).slot - clock()).total_seconds() / 60)


def test_a_saved_interval_takes_effect_at_the_next_step(dispatcher, make_task, clock):
    task = make_task(every=3600)
    settle(dispatcher)
    task.interval = IntervalSchedule.objects.create(every=600, period="seconds")
    task.save()
    settle(dispatcher)
    assert minutes_away(task, clock) == 10


def test_an_edit_of_a_shared_schedule_moves_all_its_tasks_and_no_other(
    dispatcher, make_task, database, clock
):
    tasks = [make_task(f"task {number}", every=3600) for number in range(3)]
    other = make_task("other", every=7200)
    settle(dispatcher)
    shared = tasks[0].interval
    shared.every = 600
    with CaptureQueriesContext(connections[database]) as captured:
        shared.save()
    assert not [query for query in captured if "djtaskq_beat_nextrun" in query["sql"]]
    assert planned(other).changed_at is None
    settle(dispatcher)
    assert [minutes_away(task, clock) for task in tasks] == [10, 10, 10]


def test_an_edit_in_a_transaction_that_is_rolled_back_leaves_no_trace(dispatcher, make_task, database):
    task = make_task()
    settle(dispatcher)
    with transaction.atomic(using=database):
        task.args = "[1]"
        task.save()
        assert planned(task).changed_at is not None
        transaction.set_rollback(True, using=database)
    assert planned(task).changed_at is None


def test_an_edit_of_something_else_leaves_the_slot_as_it_is(dispatcher, make_task):
    task = make_task(every=3600)
    settle(dispatcher)
    before = planned(task)
    task.args = "[1]"
    task.save()
    assert planned(task).changed_at is not None
    settle(dispatcher)
    assert (planned(task).slot, planned(task).changed_at) == (before.slot, None)


def test_a_slot_that_was_due_before_the_edit_still_runs(dispatcher, make_task, make_due, sent):
    task = make_task(every=60)
    settle(dispatcher)
    make_due()
    task.interval = IntervalSchedule.objects.create(every=3600, period="seconds")
    task.save()
    settle(dispatcher)
    assert len(sent()) == 1


def test_a_disabled_task_does_not_run_and_goes_on_without_catching_up(
    dispatcher, make_task, make_due, sent, clock
):
    task = make_task(every=60)
    settle(dispatcher)
    task.enabled = False
    task.save()
    settle(dispatcher)
    assert (planned(task).slot, planned(task).run_at) == (None, None)
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=True, last_run_at=clock() - dt.timedelta(days=1))
    settle(dispatcher)
    assert 0 < (planned(task).slot - clock()).total_seconds() <= 60
    assert sent() == []


def test_a_deleted_task_leaves_nothing_but_its_history(dispatcher, make_task, make_due):
    task = make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    RunPolicy.objects.create(periodic_task=task)
    task.delete()
    assert NextRun.objects.count() == RunPolicy.objects.count() == 0
    assert TaskRun.objects.get().name == "task"


def test_every_kind_of_schedule_is_settled_after_one_plan(dispatcher, make_task, minutely, database):
    from django_celery_beat.models import SolarSchedule

    make_task("interval")
    make_task("crontab", crontab=minutely)
    solar = SolarSchedule.objects.create(event="sunrise", latitude="-37.810000", longitude="144.960000")
    make_task("solar", solar=solar)
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    make_task("clocked", clocked=ClockedSchedule.objects.create(clocked_time=tomorrow), one_off=True)
    make_task("bounded", start_time=tomorrow, expires=tomorrow + dt.timedelta(days=1))
    settle(dispatcher)
    assert NextRun.objects.filter(slot__isnull=False, error="").count() == 5
    assert reconcile(database) == 0


def test_a_loaded_fixture_is_planned(dispatcher, make_task, database):
    task = make_task()
    text = serializers.serialize("json", [task])
    task.delete()
    for loaded in serializers.deserialize("json", text, using=database):
        loaded.save(using=database)
    assert NextRun.objects.count() == 1


def test_a_clocked_time_in_the_past_runs_once_and_the_task_ends(dispatcher, make_task, sent, clock):
    clocked = ClockedSchedule.objects.create(clocked_time=clock() - dt.timedelta(hours=1))
    task = make_task(clocked=clocked, one_off=True)
    settle(dispatcher)
    task.refresh_from_db()
    assert (len(sent()), task.enabled) == (1, False)


def test_a_start_time_is_the_first_slot_and_the_grid(dispatcher, make_task, clock):
    start = clock() + dt.timedelta(minutes=30)
    future = make_task("future", every=60, start_time=start)
    past = make_task("past", every=3600, start_time=clock() - dt.timedelta(minutes=90))
    settle(dispatcher)
    assert planned(future).slot == start
    assert minutes_away(past, clock) == 30


def test_what_django_celery_beat_ran_last_decides_where_we_go_on(dispatcher, make_task, clock, sent):
    last = clock() - dt.timedelta(seconds=20)
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(
                name="theirs",
                task="tests.add",
                interval=IntervalSchedule.objects.create(every=60, period="seconds"),
                last_run_at=last,
                total_run_count=7,
            )
        ]
    )
    reconcile(dispatcher.using)
    settle(dispatcher)
    assert planned(PeriodicTask.objects.get()).slot == last + dt.timedelta(seconds=60)
    assert sent() == []


def test_a_one_off_that_django_celery_beat_ran_does_not_run_again(dispatcher, make_task, sent, clock):
    task = make_task(one_off=True)
    past = clock() - dt.timedelta(hours=1)
    PeriodicTask.objects.filter(pk=task.pk).update(total_run_count=1, last_run_at=past)
    settle(dispatcher)
    assert sent() == []
    assert PeriodicTask.objects.get().enabled is False


def test_rows_that_somebody_is_editing_wait_and_nobody_spins(
    dispatcher, make_task, make_due, minutely, database, sent
):
    if database == "sqlite":
        return  # its one writer waits for the other: nothing can be locked and seen at once
    task = make_task(one_off=True)
    settle(dispatcher)
    make_due()
    held, released = threading.Event(), threading.Event()

    def edit():
        try:
            with transaction.atomic(using=database):
                PeriodicTask.objects.select_for_update().get(pk=task.pk)
                held.set()
                released.wait(20)
        finally:
            connections.close_all()

    editor = threading.Thread(target=edit)
    editor.start()
    assert held.wait(10)
    dispatcher._due_at = 0
    assert dispatcher.step() == 0.1
    assert sent() == []
    released.set()
    editor.join(20)
    settle(dispatcher)
    assert len(sent()) == 1
