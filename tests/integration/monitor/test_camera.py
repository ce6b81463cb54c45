"""Celery's own command with our camera, real workers, real brokers, real databases."""

import json
import signal
import socket
from pathlib import Path

import pytest
from celery import Celery
from django.db import router, transaction

from djtaskq_monitor.models import CameraState, TaskState, WorkerState
from djtaskq_monitor.recording.receiver import Receiver, queue_name
from djtaskq_monitor.recording.recorder import Recorder
from tests.waiting import eventually

APP_NAME = "tests.integration.monitor.monitorapp"
everywhere = pytest.mark.parametrize(
    ("database", "broker_url"),
    [("sqlite", "filesystem"), ("default", "redis"), ("mariadb", "rabbitmq")],
    indirect=True,
)


@everywhere
def test_every_kind_of_life_is_in_the_table(cluster, seen):
    cluster.camera()
    worker = cluster.worker("--hostname=one@test", "--pool=prefork")
    added = [cluster.send("add", number, 1) for number in range(20)]
    failed = cluster.send("fail", "<b>no</b>")
    retried = cluster.send("succeed_at_second")
    limited = cluster.send("too_long")
    rows = seen(SUCCESS=[*added, retried], FAILURE=[failed, limited])

    row = rows[added[3]]
    assert (row.name, row.args, row.result, row.queue) == (f"{APP_NAME}.add", "(3, 1)", "4", "monitored")
    assert row.sent  # told after the message went out: it may be later than received
    assert row.received <= row.started <= row.succeeded
    assert row.runtime >= 0
    assert row.worker.hostname == "one@test"
    assert row.client.startswith("gen")
    assert rows[failed].exception == "ValueError('<b>no</b>')"
    assert "Traceback" in rows[failed].traceback
    assert rows[retried].retries == 1
    assert rows[retried].retried
    assert "TimeLimitExceeded" in rows[limited].exception

    online = eventually(lambda: WorkerState.objects.filter(hostname="one@test").first())
    assert online.status() == "online"
    assert (online.sw_ident, online.freq) == ("py-celery", 2.0)
    eventually(lambda: WorkerState.objects.filter(hostname="one@test", processed__gte=23).exists())
    worker.stop()
    eventually(lambda: WorkerState.objects.get(hostname="one@test").status() == "offline")


@everywhere
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_camera_that_is_told_to_stop_writes_what_it_holds_and_ends_well(cluster, number, seen):
    camera = cluster.camera("--frequency=600")
    cluster.worker()
    sent = [cluster.send("add", number, 1) for number in range(10)]
    finished(cluster, sent)
    assert not TaskState.objects.exists()
    assert camera.stop(number) == 0, camera.output
    assert "Traceback" not in camera.output, camera.output
    seen(SUCCESS=sent)
    assert CameraState.objects.get().stopped


def finished(cluster, task_ids):
    """Wait until these tasks succeeded, and the worker has sent the events that it held back."""
    worker = next(process for process in cluster.processes.started if "worker" in process.command)
    worker.wait_for(lambda: all(f"[{task_id}] succeeded" in worker.output for task_id in task_ids))
    assert worker.stop() == 0


@pytest.mark.parametrize(("database", "broker_url"), [("sqlite", "filesystem")], indirect=True)
def test_no_binding_is_left_on_the_filesystem_broker(cluster, filesystem_broker_options):
    camera = cluster.camera()
    bindings = Path(filesystem_broker_options["control_folder"]) / "celeryev.exchange"
    eventually(lambda: bindings.exists() and "celeryev.djtaskq." in bindings.read_text())
    assert camera.stop() == 0
    assert "celeryev.djtaskq." not in json.dumps(json.loads(bindings.read_text()))
    assert not list(Path(filesystem_broker_options["data_folder_in"]).glob("*celeryev.djtaskq*"))


@pytest.mark.parametrize(("database", "broker_url"), [("default", "rabbitmq")], indirect=True)
def test_events_sent_while_the_camera_restarts_are_kept_by_rabbitmq(cluster, seen):
    camera = cluster.camera()
    cluster.worker()
    assert camera.stop() == 0
    sent = [cluster.send("add", number, 1) for number in range(10)]
    finished(cluster, sent)
    cluster.camera()
    seen(SUCCESS=sent)


@pytest.mark.parametrize(("database", "broker_url"), [("default", "rabbitmq")], indirect=True)
def test_a_camera_that_is_killed_has_lost_nothing_of_what_it_had_not_written(cluster, seen):
    camera = cluster.camera("--frequency=600")
    cluster.worker()
    sent = [cluster.send("add", number, 1) for number in range(100)]
    finished(cluster, sent)
    eventually(lambda: ready(cluster.client) == 0)
    assert not TaskState.objects.filter(task_id__in=sent).exists()
    camera.kill()
    cluster.camera()
    seen(SUCCESS=sent)


@pytest.mark.parametrize(("database", "broker_url"), [("default", "redis")], indirect=True)
def test_what_happened_between_two_cameras_on_redis_is_counted_and_said(cluster, seen):
    camera = cluster.camera()
    worker = cluster.worker()
    seen(SUCCESS=[cluster.send("add", 1, 1)])
    eventually(lambda: WorkerState.objects.filter(processed=1).exists())
    camera.kill()
    sent = [cluster.send("add", number, 1) for number in range(20)]
    worker.wait_for(lambda: all(f"[{task_id}] succeeded" in worker.output for task_id in sent))
    camera = cluster.camera()
    camera.wait_for("No camera was here from", timeout=5)
    camera.wait_for(lambda: CameraState.objects.latest("started").missed == 20)
    assert CameraState.objects.latest("started").away_from
    other = cluster.camera()
    other.wait_for(lambda: CameraState.objects.latest("started").missed == 0)
    seen(SUCCESS=[cluster.send("add", 1, 1)])
    for each in (camera, other):
        assert each.stop() == 0
    assert "No camera was here" not in other.output
    assert sorted(CameraState.objects.exclude(stopped=None).values_list("missed", flat=True)) == [0, 20]


def ready(app):
    """How many messages wait in the camera's queue, without those that it holds."""
    with app.connection_for_read() as connection:
        name = f"{app.conf.event_queue_prefix}.{queue_name(socket.gethostname())}"
        return connection.default_channel.queue_declare(name, passive=True).message_count


@pytest.mark.parametrize("database", ["default"], indirect=True)
@pytest.mark.parametrize("name", ["redis", "rabbitmq"])
def test_a_camera_comes_back_after_its_broker_did(clusters, seen, name, request):
    broker = request.getfixturevalue(f"{name}_server")
    cluster = clusters(broker.url)
    camera = cluster.camera()
    broker.stop()
    camera.wait_for("No events for the moment")
    broker.start()
    cluster.worker()
    camera.wait_for(lambda: camera.output.count("Connected to") == 2, timeout=60)
    sent = cluster.send("add", 1, 1)
    seen(SUCCESS=[sent], timeout=60)
    assert camera.stop() == 0


def test_telling_workers_does_not_wait_for_a_broker_that_is_away(redis_server):
    app = Celery(broker=redis_server.url)
    receiver_class = app.subclass_with_self(
        Receiver, reverse="events.Receiver", recorder=Recorder(1_000), host="test"
    )
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        receiver = receiver_class(connection)
        receiver.on_consume_ready(connection, channel, [])
        redis_server.stop()
        with pytest.raises(connection.connection_errors):
            receiver.on_consume_ready(connection, channel, [])


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_a_camera_can_be_stopped_while_its_broker_is_away(clusters, redis_server):
    camera = clusters(redis_server.url).camera()
    redis_server.stop()
    camera.wait_for("No events for the moment")
    assert camera.stop(timeout=10) == 0, camera.output


@pytest.mark.parametrize(("database", "broker_url"), [("default", "redis")], indirect=True)
def test_workers_without_events_are_told_to_send_them(cluster, seen):
    running = cluster.worker("--hostname=before@test", events=False)
    cluster.camera()
    eventually(lambda: "monitored" in running.output)
    cluster.worker("--hostname=after@test", events=False)
    sent = []

    def both_are_heard():
        sent.append(cluster.send("add", 1, 1))
        named = TaskState.objects.filter(state="SUCCESS").values_list("worker_id", flat=True)
        return {"before@test", "after@test"} <= set(named)

    eventually(both_are_heard, timeout=30, interval=0.2)


@pytest.mark.parametrize(("database", "broker_url"), [("sqlite", "filesystem")], indirect=True)
def test_progress_and_rejection_are_states(cluster, seen):
    camera = cluster.camera()
    cluster.worker()
    slow, rejected = cluster.send("progress", 2), cluster.send("reject")
    camera.wait_for(lambda: TaskState.objects.filter(task_id=slow, state="PROGRESS").exists())
    seen(SUCCESS=[slow], REJECTED=[rejected])


@pytest.mark.parametrize(
    ("database", "broker_url"), [("default", "rabbitmq"), ("mariadb", "redis")], indirect=True
)
def test_a_write_that_waits_for_a_lock_costs_no_event(cluster, seen):
    camera = cluster.camera()
    cluster.worker("--hostname=one@test")
    camera.wait_for(WorkerState.objects.exists)
    with transaction.atomic(using=router.db_for_write(WorkerState)):
        WorkerState.objects.select_for_update().get()
        sent = [cluster.send("add", number, 1) for number in range(300)]
        finished(cluster, sent)
        assert not TaskState.objects.filter(state="SUCCESS", task_id=sent[-1]).exists()
    seen(SUCCESS=sent)


@pytest.mark.parametrize(("database", "broker_url"), [("sqlite", "filesystem")], indirect=True)
def test_a_killed_camera_finds_its_queue_again(cluster, seen):
    camera = cluster.camera()
    camera.kill()
    cluster.worker()
    sent = [cluster.send("add", number, 1) for number in range(5)]
    finished(cluster, sent)
    cluster.camera()
    seen(SUCCESS=sent)


@pytest.mark.parametrize(("database", "broker_url"), [("default", "redis")], indirect=True)
def test_two_cameras_write_the_same_rows_and_nothing_doubles(cluster, seen):
    cameras = [cluster.camera(), cluster.camera()]
    cluster.worker()
    sent = [cluster.send("add", number, 1) for number in range(100)]
    assert len(seen(SUCCESS=sent)) == 100
    assert [camera.stop() for camera in cameras] == [0, 0]
    assert TaskState.objects.count() == 100
    assert not any("wait for the next write" in camera.output for camera in cameras)
    assert CameraState.objects.exclude(stopped=None).count() == 2
