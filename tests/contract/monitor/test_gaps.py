"""What workers count and no camera recorded, by the tables."""

import datetime as dt

import pytest
from django.test import override_settings
from django.utils import timezone

from djtaskq_monitor.models import CameraState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.gaps import Gaps
from djtaskq_monitor.recording.journal import Journal
from djtaskq_monitor.recording.missed import Missed
from djtaskq_monitor.recording.recorder import Recorder
from tests.monitoring import NOW, TRACEBACK, event, heartbeat


class Camera:
    """One that hears workers, and records nothing by itself."""

    def __init__(self, database, driver="redis", freq=1.0):
        self.missed, self._database = Missed(), database
        self._journal = Journal(Recorder(1_000), host="here", queue="here", freq=freq)
        self._gaps = Gaps(self._journal, self.missed, driver)
        self._gaps.look_back(using=database)

    def hears(self, *events):
        for each in events:
            self.missed.notice(each)

    def tells(self):
        self._gaps.count(using=self._database)
        assert self._journal.write(using=self._database)
        return CameraState.objects.get(pk=self._journal.row.pk).missed


def record(database, *events):
    recorder = Recorder(1_000)
    for each in events:
        recorder.take(each)
    left, _set_aside = store.write(recorder.swap(), using=database)
    assert not left


@pytest.fixture
def at(database):
    """Seconds from NOW to the present."""
    return timezone.now().timestamp() - NOW


def started(at, uuid):
    return event("task-started", at, uuid=uuid)


@pytest.fixture
def camera(database, at):
    """A camera that started a minute after a worker had told of ten tasks, and that heard of fifteen."""
    record(database, heartbeat(at - 60, processed=10), started(at - 61, "earlier"), started(at - 59, "later"))
    camera = Camera(database)
    camera.hears(heartbeat(at, processed=15), started(at + 1, "now"), heartbeat(at + 2, processed=16))
    return camera


def test_tasks_that_started_meanwhile_are_counted(camera):
    assert camera.tells() == 4
    assert camera.tells() == 4


def test_what_another_camera_records_in_time_is_not_missed(database, at, camera):
    record(database, started(at - 30, "two"), started(at - 29, "three"))
    assert camera.tells() == 2
    record(database, started(at - 28, "four"), started(at - 27, "five"))
    assert camera.tells() == 0


def test_after_a_while_a_gap_is_closed_and_told_of_once(database, at, camera, caplog):
    assert camera.tells() == 4
    assert not caplog.records
    with override_settings(DJTASKQ={"MONITOR_WORKER_GRACE": 0}):
        late = Camera(database, freq=0)
        late.hears(heartbeat(at, processed=15), heartbeat(at + 2, processed=15))
        assert late.tells() == 4
    record(database, started(at - 30, "two"))
    assert late.tells() == 4
    assert [each.getMessage() for each in caplog.records] == [
        "Workers started 4 tasks of which no camera took the events"
    ]


def test_each_attempt_of_a_task_is_a_start(database, at, camera):
    retry = event("task-retried", at - 20, uuid="later", exception="no", traceback=TRACEBACK)
    record(database, retry, started(at - 10, "later"))
    assert camera.tells() == 3


def test_a_process_that_began_meanwhile_is_compared_from_its_first_task(database, at):
    record(database, heartbeat(at - 60, processed=1_000), started(at - 10, "one"))
    camera = Camera(database)
    camera.hears(*(heartbeat(at + later, processed=5, pid=8) for later in (0, 2)))
    assert camera.tells() == 4


@pytest.mark.parametrize(("driver", "missed"), [("redis", 5), ("amqp", None), ("filesystem", None)])
def test_nobody_knows_what_was_missed_where_cameras_share_a_queue(database, at, driver, missed):
    now = timezone.now()
    CameraState.objects.create(host="there", pid=1, queue="here", freq=1.0, started=now, last_write=now)
    record(database, heartbeat(at - 60, processed=10))
    camera = Camera(database, driver)
    camera.hears(heartbeat(at, processed=15), heartbeat(at + 2, processed=15))
    assert camera.tells() == missed
    CameraState.objects.filter(host="there").update(last_write=now - dt.timedelta(minutes=1))
    assert camera.tells() == 5
