"""The camera without its command: what it writes, when, and that nothing is lost on the way."""

import datetime as dt
import signal
import time

import pytest
from celery import Celery
from celery.events.state import State
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from djtaskq_monitor.camera import Camera
from djtaskq_monitor.models import CameraState, TaskState, WorkerState
from tests.monitoring import NOW, event, heartbeat, retried, success
from tests.waiting import eventually


@pytest.fixture
def app():
    with Celery("camera", broker="memory://", set_as_current=False) as made:
        yield made


def recently():
    """A moment ago, for events: a camera that starts deletes what is old."""
    return time.time() - NOW - 5


@pytest.fixture
def camera(app, database):
    return Camera(State(), app=app)


def test_a_capture_writes_what_the_recorder_took(camera):
    for each in success("t"):
        camera.recorder.take(each)
    camera.capture()
    assert TaskState.objects.get().state == "SUCCESS"
    assert CameraState.objects.get().received == 4


def test_a_state_that_somebody_filled_is_written_too(app, database):
    state = State()
    for each in [*retried("t"), *success("u"), heartbeat(3)]:
        state.event({**each, "local_received": each["timestamp"]})
    camera = Camera(state, app=app)
    camera.on_shutter(state)
    row = TaskState.objects.get(task_id="t")
    assert (row.state, row.retries, row.result, row.worker.hostname) == ("SUCCESS", 1, "5", "celery@one")
    assert row.sent <= row.received <= row.started <= row.succeeded
    assert row.queue == "celery"
    assert WorkerState.objects.get().last_heartbeat
    camera.on_shutter(state)
    assert TaskState.objects.count() == 2


def test_maxrate_skips_a_write_and_never_an_event(app, database):
    camera = Camera(State(), app=app, maxrate="1/h")
    for number in range(5):
        for each in success(f"t{number}"):
            camera.recorder.take(each)
        camera.capture()
    assert TaskState.objects.count() == 1
    camera.flush()
    assert TaskState.objects.filter(state="SUCCESS").count() == 5


def test_a_failed_write_keeps_its_rows_for_the_next(camera, database, caplog):
    camera.recorder.take(event("task-started", 0, uuid="t"))
    with connections[database].schema_editor() as editor:
        editor.alter_db_table(TaskState, TaskState._meta.db_table, "elsewhere")
    try:
        camera.capture()
    finally:
        with connections[database].schema_editor() as editor:
            editor.alter_db_table(TaskState, "elsewhere", TaskState._meta.db_table)
    told = CameraState.objects.get()
    assert (told.pending, told.written) == (2, 0)  # the task, and its worker, which never comes first
    assert TaskState._meta.db_table in told.last_error
    assert told.last_error_at
    camera.recorder.take(event("task-succeeded", 1, uuid="t", result="1", runtime=1.0))
    camera.capture()
    assert TaskState.objects.get().state == "SUCCESS"
    assert TaskState.objects.get().started
    assert camera.recorder.waiting == 0


@override_settings(DJTASKQ={"MONITOR_MAX_PENDING": 1_000})
def test_what_had_to_be_dropped_is_counted_told_and_seen(app, database, caplog):
    camera = Camera(State(), app=app)
    for number in range(1_005):
        camera.recorder.take(event("task-started", 0, uuid=f"t{number}"))
    camera.capture()
    assert CameraState.objects.get().dropped == 5
    assert "5 tasks lost" in caplog.text
    camera.recorder.take(event("task-started", 0, uuid="t-1"))
    camera.capture()
    assert caplog.text.count("lost") == 1


def test_a_message_is_settled_once_all_before_it_is_written(app, database, monkeypatch):
    monkeypatch.setattr("djtaskq_monitor.camera.TASKS_PER_WRITE", 2)
    camera = Camera(State(), app=app)
    camera.receipts.begin()
    for number in range(5):
        camera.recorder.take(event("task-started", 0, uuid=f"t{number}"))
        camera.receipts.note(number + 1)
    with connections[database].schema_editor() as editor:
        editor.alter_db_table(TaskState, TaskState._meta.db_table, "elsewhere")
    try:
        camera.capture()
    finally:
        with connections[database].schema_editor() as editor:
            editor.alter_db_table(TaskState, "elsewhere", TaskState._meta.db_table)
    assert camera.receipts.to_acknowledge() is None
    camera.capture()
    assert camera.receipts.to_acknowledge() == 5
    assert TaskState.objects.count() == 5
    assert CameraState.objects.get().written == 6


def test_a_camera_in_a_hurry_writes_before_its_time(app, database):
    with Camera(State(), app=app, freq=600) as camera:
        eventually(CameraState.objects.exists)
        camera.recorder.take(event("task-started", recently(), uuid="t"))
        camera.hurry()
        eventually(TaskState.objects.exists)


def test_the_camera_chooses_the_receiver_before_the_command_makes_one(app, database):
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    state = app.events.State()
    camera = Camera(state, app=app, freq=0.1)
    with camera:
        receiver = app.events.Receiver(app.connection_for_read(), handlers={"*": state.event})
        for each in success("t", at=recently()):
            receiver._receive(each, None)
        receiver._receive(success("u", at=recently()), None)
        for junk in (None, [], 5, {"type": None}, [None, "x"]):
            receiver._receive(junk, None)
        eventually(lambda: TaskState.objects.filter(state="SUCCESS").count() == 2)
    assert state.event_count == 0
    assert type(receiver).__module__ == "djtaskq_monitor.recording.receiver"
    assert app.events.Receiver is not camera._make_receiver
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    run = CameraState.objects.get()
    assert (run.received, run.rejected) == (13, 5)
    assert run.stopped


def test_times_are_the_sender_s_whatever_zone_the_camera_is_in(camera, app, database):
    camera.install()
    receiver = app.events.Receiver(app.connection_for_read())
    sent = event("task-started", recently(), uuid="t", utcoffset=-5)
    receiver._receive(sent, None)
    camera.cancel()
    assert TaskState.objects.get().started.timestamp() == pytest.approx(sent["timestamp"])


def test_what_is_pending_is_written_when_the_camera_is_cancelled(app, database):
    with Camera(State(), app=app, freq=600) as camera:
        for each in success("t", at=recently()):
            camera.recorder.take(each)
    assert TaskState.objects.get().state == "SUCCESS"


def test_old_rows_go_when_a_camera_starts(app, database):
    TaskState.objects.update_state("SUCCESS", "old", {"tstamp": timezone.now() - dt.timedelta(days=9)})
    with Camera(State(), app=app, freq=600):
        eventually(lambda: not TaskState.objects.exists())
