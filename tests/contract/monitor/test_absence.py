"""What a camera makes of the one before it: a time of which no event is left, and what workers did in it."""

import datetime as dt

import pytest
from django.utils import timezone

from djtaskq_monitor.models import CameraState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.absence import Absence
from djtaskq_monitor.recording.journal import Journal
from djtaskq_monitor.recording.missed import Missed
from djtaskq_monitor.recording.recorder import Recorder
from tests.monitoring import NOW, event, heartbeat

QUEUE = "djtaskq.here"


def camera(driver):
    recorder, missed = Recorder(1_000), Missed()
    journal = Journal(recorder, missed, host="here", queue=QUEUE, freq=1.0)
    return journal, missed, Absence(journal, missed, driver)


def before(ago, *, killed, queue=QUEUE):
    ended = timezone.now() - dt.timedelta(seconds=ago)
    return CameraState.objects.create(
        host="here",
        pid=1,
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
    journal, _missed, absence = camera(driver)
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
    run = before(1, killed=True)
    journal, _missed, absence = camera("redis")
    absence.look_back(using=database)
    absence.decide(using=database)
    assert journal.row.away_from is None
    CameraState.objects.filter(pk=run.pk).update(freq=-10.0)  # as if more time had passed
    absence.decide(using=database)
    assert journal.row.away_from == run.last_write


def test_a_camera_beside_one_that_runs_was_never_away(database):
    run = before(1, killed=True)
    journal, _missed, absence = camera("redis")
    absence.look_back(using=database)
    CameraState.objects.filter(pk=run.pk).update(last_write=timezone.now())
    absence.decide(using=database)
    CameraState.objects.filter(pk=run.pk).update(last_write=timezone.now() - dt.timedelta(hours=1))
    absence.decide(using=database)
    assert journal.row.away_from is None


def test_the_first_camera_of_a_queue_was_never_away(database):
    before(60, killed=True, queue="another")
    journal, _missed, absence = camera("redis")
    absence.look_back(using=database)
    absence.decide(using=database)
    assert journal.row.away_from is None


def missing_three(database):
    """Workers told of five tasks, and events of two, one of them seen by the camera before."""
    now = timezone.now().timestamp()
    recorder = Recorder(1_000)
    at = now - NOW
    for each in (
        heartbeat(at - 60, processed=10),
        event("task-started", at - 61, uuid="earlier"),
        event("task-started", at - 59, uuid="later"),
    ):
        recorder.take(each)
    store.write(recorder.swap(), using=database)
    journal, missed, absence = camera("redis")
    absence.look_back(using=database)
    missed.notice(event("task-started", at - 1, uuid="now"))
    for when in (at, at + 2):
        missed.notice(heartbeat(when, processed=15))
    return journal


def test_tasks_that_started_meanwhile_are_counted(database):
    journal = missing_three(database)
    assert journal.write(using=database)
    assert CameraState.objects.get().missed == 3


def test_nobody_knows_what_was_missed_where_cameras_share_a_queue(database):
    before(1, killed=True)
    journal = missing_three(database)
    assert journal.write(using=database)
    assert CameraState.objects.get(pk=journal.row.pk).missed is None
