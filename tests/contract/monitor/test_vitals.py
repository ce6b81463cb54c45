"""What the monitor says of itself: the right level, in a few statements."""

import datetime as dt

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from djtaskq.vitals import Level
from djtaskq_monitor import vitals
from djtaskq_monitor.models import CameraState, FreshStatistics, QueueState, WorkerState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from tests.monitoring import event, success

SECOND = dt.timedelta(seconds=1)


def level(name):
    return known()[name].level


def known():
    return {vital.name: vital for vital in vitals.read()}


def worker(hostname, ago=0, **columns):
    heard = timezone.now() - ago * SECOND
    return WorkerState.objects.create(hostname=hostname, last_heartbeat=heard, freq=2, **columns)


def camera(ago=0, **columns):
    at = timezone.now() - ago * SECOND
    return CameraState.objects.create(
        **{"host": "h", "pid": 1, "queue": "q", "freq": 1, "started": at, "last_write": at, **columns}
    )


def test_what_nobody_uses_is_no_trouble(database):
    assert {vital.level for vital in vitals.read()} <= {Level.UNUSED, Level.WELL}
    assert known()["cameras"].level == known()["workers"].level == Level.UNUSED


def test_workers_that_are_online_and_busy(database):
    worker("a", active=2)
    worker("b", active=0)
    vital = known()["workers"]
    assert (vital.level, vital.value) == (Level.WELL, 2)
    assert "1 of them busy" in vital.said


def test_a_lost_worker_is_named_with_its_tasks(database):
    worker("a")
    worker("b", ago=60, active=3)
    vital = known()["workers"]
    assert vital.level == Level.WARNING
    assert "b is lost with 3 tasks" in vital.said


def test_no_worker_left_is_worse_than_one_that_is_lost(database):
    worker("b", ago=60)
    assert level("workers") == Level.BAD
    WorkerState.objects.update(offline_since=timezone.now())
    assert level("workers") == Level.BAD


def test_many_lost_workers_are_not_all_named(database):
    for number in range(9):
        worker(f"w{number}", ago=60)
    assert "w0, w1, w2 and 6 more" in known()["workers"].said


def test_a_camera_that_stopped_writing(database):
    row = camera()
    assert level("cameras") == Level.WELL
    CameraState.objects.update(last_write=timezone.now() - 60 * SECOND)
    vital = known()["cameras"]
    assert vital.level == Level.BAD
    assert vital.since < row.last_write


@pytest.mark.parametrize("what", ["dropped", "set_aside", "missed"])
def test_what_a_camera_could_not_keep(database, what):
    camera()
    assert level(what) == Level.WELL
    CameraState.objects.update(**{what: 7})
    vital = known()[what]
    assert (vital.level, vital.value) == (Level.WARNING, 7)


def test_an_error_counts_for_a_minute(database):
    camera(last_error="no", last_error_at=timezone.now())
    assert level("cameras") == Level.WARNING
    CameraState.objects.update(last_error_at=timezone.now() - 90 * SECOND)
    assert level("cameras") == Level.WELL


def test_a_queue_that_nobody_takes_from(database):
    assert "queues" not in known()
    QueueState.objects.create(name="mail", length=0, consumers=0)
    QueueState.objects.create(name="celery", length=9, consumers=2)
    QueueState.objects.create(name="untold", length=9)
    worker("a", queues="untold")
    assert level("queues") == Level.WELL
    QueueState.objects.filter(name="mail").update(length=1)
    vital = known()["queues"]
    assert vital.level == Level.BAD
    assert "mail" in vital.said
    assert "celery" not in vital.said


def test_a_broker_that_does_not_tell(database):
    QueueState.objects.create(name="mail", length=1, consumers=0, problem="connection refused")
    vital = known()["queues"]
    assert vital.level == Level.WARNING
    assert "connection refused" in vital.said


def test_counts_that_nobody_sums_up(database):
    FreshStatistics.objects.bulk_create(FreshStatistics(body="[]") for _ in range(vitals.MOST_FRESH + 1))
    assert level("statistics") == Level.WARNING
    with override_settings(DJTASKQ={"MONITOR_STATISTICS": False}):
        assert level("statistics") == Level.UNUSED


def test_many_failures_lately(database):
    now = timezone.now().timestamp()
    recorder = Recorder(1_000)
    for number in range(20):
        *life, end = success(f"t{number}")
        if number % 4 == 0:
            end = event("task-failed", 1.4, uuid=f"t{number}", exception="ValueError()")
        for each in (*life, end):
            recorder.take(each | {"timestamp": now - 10 + each["timestamp"] - event("x", 0)["timestamp"]})
    assert not store.write(recorder.swap(), using=database)[0]
    vital = known()["failures"]
    assert (vital.level, vital.value) == (Level.WARNING, 0.25)
    assert "5 of 20" in vital.said
    assert "state=FAILURE" in vital.url


def test_the_cost_does_not_grow(database):
    for number in range(30):
        worker(f"w{number}")
        QueueState.objects.create(name=f"q{number}", length=1, consumers=0)
    camera()
    with CaptureQueriesContext(connections[database]) as statements:
        known()
    assert len(statements) <= 8
