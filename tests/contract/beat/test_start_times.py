"""What `start_time` means: no slot before it; and for an interval, where its grid begins."""

import datetime as dt

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from djtaskq_beat.models import NextRun
from djtaskq_beat.reconciliation import reconcile
from tests.contract.beat.conftest import settle

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


def next_slot():
    return NextRun.objects.get().slot


@pytest.mark.parametrize("started", [-90, -30, 30, 90], ids=lambda minutes: f"{minutes:+} min")
def test_an_interval_has_its_slots_at_whole_periods_from_the_start(
    started, dispatcher, make_task, sent, clock
):
    start = clock() + started * MINUTE
    make_task(every=3600, start_time=start)
    settle(dispatcher)
    assert sent() == []
    assert next_slot() > clock()
    assert next_slot() >= start
    assert (next_slot() - start) % HOUR == dt.timedelta()
    assert next_slot() - max(start, clock()) < HOUR


@pytest.mark.parametrize("started", [-90, 90], ids=["past", "to come"])
def test_a_crontab_never_run_waits_for_its_next_slot_after_the_start(
    started, dispatcher, make_task, sent, clock
):
    start = clock() + started * MINUTE
    # A slot that is neither now nor at the start, whenever this runs.
    hourly = CrontabSchedule.objects.create(minute=(clock() + 30 * MINUTE).minute, timezone="UTC")
    make_task(crontab=hourly, start_time=start)
    settle(dispatcher)
    assert sent() == []
    assert max(start, clock()) < next_slot() <= max(start, clock()) + HOUR
    assert next_slot().minute == int(hourly.minute)


def test_what_waits_for_its_start_keeps_nobody_back(dispatcher, make_task, make_due, sent, clock):
    make_task("later", every=1, start_time=clock() + 24 * HOUR)
    now = make_task("now")
    settle(dispatcher)
    make_due(periodic_task=now)
    settle(dispatcher)
    assert [message["periodic_task_name"] for message in sent()] == ["now"]


def test_a_start_that_is_put_off_takes_the_planned_slot_with_it(dispatcher, make_task, sent, clock):
    task = make_task(every=60)
    settle(dispatcher)
    start = clock() + 6 * HOUR
    PeriodicTask.objects.filter(pk=task.pk).update(start_time=start)
    reconcile(dispatcher.using)
    settle(dispatcher)
    assert next_slot() == start
    assert sent() == []


def test_a_start_after_the_expiry_is_no_slot_at_all(dispatcher, make_task, clock):
    make_task(every=60, start_time=clock() + 2 * HOUR, expires=clock() + HOUR)
    settle(dispatcher)
    assert next_slot() is None
    assert NextRun.objects.get().error == ""
