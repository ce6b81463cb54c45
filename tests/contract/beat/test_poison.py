"""A row that cannot be scheduled says why, once, and its neighbours run."""

import datetime as dt
import logging

import pytest
from django.db import connections
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.reconciliation import reconcile
from tests.contract.beat.conftest import settle


def no_schedule(task):
    PeriodicTask.objects.filter(pk=task.pk).update(interval=None)


def two_schedules(task):
    crontab = CrontabSchedule.objects.create(timezone="UTC")
    PeriodicTask.objects.filter(pk=task.pk).update(crontab=crontab)


def interval(**columns):
    def change(task):
        row = IntervalSchedule.objects.create(**{"every": 60, "period": "seconds", **columns})
        PeriodicTask.objects.filter(pk=task.pk).update(interval=row)

    return change


def crontab(**columns):
    def change(task):
        row = CrontabSchedule.objects.create(timezone="UTC")
        table = connections[row._state.db].ops.quote_name(CrontabSchedule._meta.db_table)
        with connections[row._state.db].cursor() as cursor:
            for column, value in columns.items():
                cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, row.pk])
        PeriodicTask.objects.filter(pk=task.pk).update(interval=None, crontab=row)

    return change


def solar(task):
    row = SolarSchedule.objects.create(event="moonrise", latitude=0, longitude=0)
    PeriodicTask.objects.filter(pk=task.pk).update(interval=None, solar=row)


def column(**columns):
    return lambda task: PeriodicTask.objects.filter(pk=task.pk).update(**columns)


POISON = {
    "no schedule": (no_schedule, "No schedule is set"),
    "two schedules": (two_schedules, "interval, crontab"),
    "an unknown period": (interval(period="fortnights"), "fortnights"),
    "an interval beyond the calendar": (interval(every=2_000_000_000, period="days"), "year 10000"),
    "an interval of nothing": (interval(every=0), "shorter"),
    "31 February": (crontab(day_of_month="31", month_of_year="2"), "would never run"),
    "a crontab that cannot be read": (crontab(minute="[1, 2]"), "minute"),
    "a zone that vanished": (crontab(timezone="Mars/Olympus"), "Mars/Olympus"),
    "an event that is none": (solar, "moonrise"),
    "args that are no JSON": (column(args="[1, "), "args"),
    "args that are no list": (column(args='{"a": 1}'), "list in brackets"),
    "headers that are no object": (column(headers="[]"), "headers"),
}


def test_each_bad_row_says_why_and_the_good_ones_run(dispatcher, make_task, make_due, sent, clock, caplog):
    good = [make_task(f"good {number}") for number in range(3)]
    bad = {name: make_task(name) for name in POISON}
    for name, (change, _) in POISON.items():
        change(bad[name])
    with caplog.at_level(logging.ERROR, "celery.beat"):
        settle(dispatcher)
        make_due()
        settle(dispatcher)
        reconcile(dispatcher.using)
        settle(dispatcher)
    assert sorted(message["periodic_task_name"] for message in sent()) == [task.name for task in good]
    for name, (_, expected) in POISON.items():
        row = NextRun.objects.get(pk=bad[name].pk)
        assert expected in row.error, name
        assert row.slot is None
        assert row.run_at > clock()
        said = [record for record in caplog.messages if f" {name} cannot be scheduled" in record]
        assert len(said) == 1, (name, said)


def test_a_row_that_is_mended_runs_again(dispatcher, make_task):
    task = make_task(args="[")
    settle(dispatcher)
    assert NextRun.objects.get().error
    PeriodicTask.objects.filter(pk=task.pk).update(args="[]")
    reconcile(dispatcher.using)
    settle(dispatcher)
    assert NextRun.objects.get().error == ""
    assert NextRun.objects.get().slot is not None


@pytest.mark.parametrize("broken", ["args", "kwargs", "headers"])
def test_a_message_broken_between_two_runs_is_set_aside(broken, dispatcher, make_task, make_due, sent):
    task = make_task()
    settle(dispatcher)
    PeriodicTask.objects.filter(pk=task.pk).update(**{broken: "{"})
    make_due()
    settle(dispatcher)
    assert sent() == []
    assert broken in NextRun.objects.get().error


def test_a_task_whose_own_code_refuses_to_be_sent_keeps_nobody_back(
    app, dispatcher, make_task, make_due, sent
):
    @app.task(name="tests.picky", shared=False)
    def picky(a, b):
        return a, b

    bad = make_task("bad", task="tests.picky", args="[1]")
    make_task("good")
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    assert [message["periodic_task_name"] for message in sent()] == ["good"]
    refused = TaskRun.objects.get(periodic_task=bad)
    assert refused.state == "skipped"
    assert "TypeError" in refused.reason
    assert PeriodicTask.objects.get(name="bad").total_run_count == 0


def test_a_slot_beyond_the_calendar_is_no_slot(dispatcher, make_task):
    make_task(every=1_000_000, period="days")
    settle(dispatcher)
    row = NextRun.objects.get()
    assert row.error == ""
    assert row.slot - dt.timedelta(days=900_000) > dt.datetime.now(dt.UTC)


def test_what_passed_while_a_row_was_set_aside_is_on_record_once_it_is_mended(
    dispatcher, make_task, make_due, sent, clock
):
    task = make_task(every=60)
    settle(dispatcher)
    make_due(60)
    settle(dispatcher)
    (ran,) = TaskRun.objects.all()
    PeriodicTask.objects.filter(pk=task.pk).update(args="[")
    settle(dispatcher)
    aside = NextRun.objects.get()
    passed = dt.timedelta(seconds=200)
    NextRun.objects.update(last_slot=aside.last_slot - passed, anchor=aside.anchor - passed)
    TaskRun.objects.update(slot=ran.slot - passed)
    PeriodicTask.objects.filter(pk=task.pk).update(args="[]")
    NextRun.objects.mark_changed()
    settle(dispatcher)
    assert len(sent()) == 1
    ran, missed = TaskRun.objects.order_by("slot")
    assert missed.state == "missed"
    assert "set aside: The args" in missed.reason
    assert missed.slot == ran.slot + dt.timedelta(seconds=60)
    assert missed.through == ran.slot + dt.timedelta(seconds=180)
    assert NextRun.objects.get().slot > clock()
