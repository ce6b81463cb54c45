"""What beat says of itself: the right level, in a few statements."""

import datetime as dt

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from djtaskq.vitals import Level
from djtaskq_beat import vitals
from djtaskq_beat.heartbeat import Heartbeat
from djtaskq_beat.models import Alert, Beat, NextRun, TaskRun

DAY = dt.timedelta(days=1)


def known():
    return {vital.name: vital for vital in vitals.read()}


def test_without_schedules_no_beat_is_needed(database):
    assert {vital.level for vital in vitals.read()} <= {Level.UNUSED, Level.WELL}


def test_schedules_without_a_beat_do_not_run(make_task, clock):
    make_task()
    assert known()["beats"].level == Level.BAD


def test_a_beat_that_ticks(database, make_task, clock):
    make_task()
    Heartbeat("host:1", using=database).report()
    vital = known()["beats"]
    assert (vital.level, vital.value) == (Level.WELL, 1)
    assert abs(vital.since - clock()) < dt.timedelta(seconds=10)


def test_a_beat_that_was_killed_is_missed_with_its_last_tick(database, make_task, clock):
    make_task()
    Heartbeat("host:1", using=database).report()
    long_ago = clock() - DAY / 24
    Beat.objects.update(seen_at=long_ago)
    vital = known()["beats"]
    assert (vital.level, vital.since) == (Level.BAD, long_ago)


def test_what_keeps_a_beat_from_its_work(database):
    beat = Heartbeat("host:1", using=database)
    beat.problem = "no broker"
    beat.report()
    assert known()["beats"].level == Level.BAD
    Heartbeat("host:2", using=database).report()
    vital = known()["beats"]
    assert vital.level == Level.WARNING
    assert "no broker" in vital.said


def test_what_is_due_and_not_looked_at(make_task, make_due, clock):
    make_task()
    NextRun.objects.update(run_at=clock() - dt.timedelta(seconds=30))
    assert known()["schedules"].level == Level.WELL
    make_due(600)
    NextRun.objects.update(run_at=clock() - dt.timedelta(seconds=600))
    vital = known()["schedules"]
    assert vital.level == Level.BAD
    assert vital.value == pytest.approx(600, abs=30)


def test_a_run_that_was_claimed_and_not_published(database, clock):
    at = clock() - DAY
    run = {"periodic_task_id": 1, "slot": at, "claimed_at": at, "claimed_by": "x"}
    TaskRun.objects.create(state="claimed", retry_at=at, **run)
    assert known()["schedules"].level == Level.BAD


@pytest.mark.parametrize("kind", ["missed", "late"])
def test_alerts_of_the_last_day_are_counted(database, clock, kind):
    for number, ago in enumerate((0, 23, 25)):
        Alert.objects.create(kind=kind, run_id=number + 1, text="x", raised_at=clock() - DAY * ago / 24)
    vital = known()[f"{kind}_runs"]
    assert (vital.level, vital.value) == (Level.WARNING, 2)
    assert f"kind={kind}" in vital.url
    Alert.objects.update(raised_at=clock() - DAY / 12)
    vital = known()[f"{kind}_runs"]
    assert (vital.level, vital.value) == (Level.WELL, 3)


def test_a_schedule_that_cannot_be_read(make_task, clock):
    for name in "abc":
        make_task(name)
    NextRun.objects.update(run_at=clock() + dt.timedelta(seconds=20))
    assert known()["schedules_set_aside"].level == Level.WELL
    NextRun.objects.filter(periodic_task__name="b").update(error="no such zone")
    vital = known()["schedules_set_aside"]
    assert (vital.level, vital.value) == (Level.BAD, 1)


def test_the_cost_does_not_grow(database, make_task):
    for number in range(20):
        make_task(f"t{number}")
    with CaptureQueriesContext(connections[database]) as statements:
        known()
    assert len(statements) <= 6
