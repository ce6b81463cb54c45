"""What a camera makes of the one before it: a time of which no event is left."""

import datetime as dt
import os
import socket
import subprocess

import pytest
from django.test import override_settings
from django.utils import timezone

from djtaskq_monitor.models import CameraState
from djtaskq_monitor.recording.absence import Absence
from djtaskq_monitor.recording.journal import Journal
from djtaskq_monitor.recording.recorder import Recorder

QUEUE = "djtaskq.here"


def journal():
    return Journal(Recorder(1_000), host="here", queue=QUEUE, freq=1.0)


def camera(driver):
    row = journal()
    return row, Absence(row, driver)


def before(ago, *, killed, queue=QUEUE, host="here", pid=1):
    ended = timezone.now() - dt.timedelta(seconds=ago)
    return CameraState.objects.create(
        host=host,
        pid=pid,
        queue=queue,
        freq=1.0,
        started=ended,
        last_write=ended,
        stopped=None if killed else ended,
    )


@pytest.mark.parametrize(
    ("driver", "ago", "killed", "lost"),
    [
        ("redis", 60, True, 60),
        ("redis", 60, False, 60),
        ("amqp", 60, True, None),
        ("amqp", 1_000, False, 400),
        ("amqp", 4_000, False, 4_000),
        ("filesystem", 60, True, None),
        ("filesystem", 60, False, 60),
    ],
)
def test_what_no_broker_kept_is_told(database, driver, ago, killed, lost):
    run = before(ago, killed=killed)
    journal, absence = camera(driver)
    absence.look_back(using=database)
    absence.decide(using=database)
    assert journal.write(using=database)
    told = CameraState.objects.get(pk=journal.row.pk)
    if lost is None:
        assert (told.away_from, told.away_until) == (None, None)
    else:
        assert told.away_from == run.last_write
        assert (told.away_until - told.away_from).total_seconds() == pytest.approx(lost, abs=5)


def test_a_camera_that_was_just_killed_is_not_taken_for_one_that_runs(database):
    run = before(3, killed=True)
    journal, absence = camera("redis")
    absence.look_back(using=database)
    absence.decide(using=database)
    assert journal.row.away_from is None
    with override_settings(DJTASKQ={"MONITOR_WORKER_GRACE": 0}):  # as if more time had passed
        absence.decide(using=database)
    assert journal.row.away_from == run.last_write


def test_a_camera_on_this_machine_whose_process_has_ended_is_gone_as_soon_as_it_skips_a_write(database):
    ended = subprocess.Popen(["true"])
    ended.wait()
    here = socket.gethostname()
    for pid, ago, gone in ((ended.pid, 1, False), (ended.pid, 3, True), (os.getppid(), 3, False)):
        CameraState.objects.all().delete()
        run = before(ago, killed=True, host=here, pid=pid)
        journal, absence = camera("redis")
        absence.look_back(using=database)
        absence.decide(using=database)
        assert journal.row.away_from == (run.last_write if gone else None)


def test_a_camera_on_another_queue_was_there_all_the_time(database):
    before(60, killed=True)
    other = before(70, killed=True, queue="another")
    journal, absence = camera("redis")
    absence.look_back(using=database)
    CameraState.objects.filter(pk=other.pk).update(last_write=timezone.now())
    absence.decide(using=database)
    assert journal.row.away_from is None


def test_redis_keeps_no_queue_so_that_the_last_camera_counts_whatever_its_queue(database):
    before(60, killed=False)
    run = before(40, killed=False, queue="another")
    journal, absence = camera("redis")
    absence.look_back(using=database)
    absence.decide(using=database)
    assert journal.row.away_from == run.last_write


def test_a_camera_beside_one_that_runs_was_never_away(database):
    run = before(1, killed=True)
    journal, absence = camera("redis")
    absence.look_back(using=database)
    CameraState.objects.filter(pk=run.pk).update(last_write=timezone.now())
    absence.decide(using=database)
    CameraState.objects.filter(pk=run.pk).update(last_write=timezone.now() - dt.timedelta(hours=1))
    absence.decide(using=database)
    assert journal.row.away_from is None


def test_the_first_camera_of_a_queue_was_never_away(database):
    before(60, killed=True, queue="another")
    journal, absence = camera("amqp")
    absence.look_back(using=database)
    absence.decide(using=database)
    assert journal.row.away_from is None
