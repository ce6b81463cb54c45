"""`manage.py camera`, and what Celery's own command makes of its options."""

import json
import os
import signal
from pathlib import Path

import pytest

from djtaskq_monitor.models import CameraState, FreshStatistics, TaskState, TaskStatistics
from tests.integration.monitor.test_camera import APP_NAME, finished
from tests.waiting import eventually


def started(cluster, *arguments):
    camera = cluster.processes.manage(
        "camera", f"--app={APP_NAME}", "--frequency=0.2", *arguments, environment=cluster.environment
    )
    camera.wait_for("Taking events from")
    camera.wait_for(CameraState.objects.exists)
    return camera


@pytest.mark.parametrize(
    ("database", "broker_url", "number"),
    [
        ("sqlite", "filesystem", signal.SIGINT),
        ("default", "redis", signal.SIGTERM),
        ("mariadb", "rabbitmq", signal.SIGTERM),
    ],
    indirect=["database", "broker_url"],
)
def test_the_command_records_and_stops_well(cluster, seen, number, broker_url, request):
    camera = started(cluster, "--queue=ours", "--no-statistics", "--max-pending=1000", "--loglevel=info")
    camera.wait_for("Connected to")
    cluster.worker()
    seen(SUCCESS=[cluster.send("add", 1, 1)])
    assert camera.stop(number) == 0, camera.output
    assert "Traceback" not in camera.output, camera.output
    assert "Stopped." in camera.output
    run = CameraState.objects.get()
    assert (run.queue, bool(run.stopped)) == ("djtaskq.ours", True)
    assert run.written
    assert not FreshStatistics.objects.exists()
    assert not TaskStatistics.objects.exists()
    if broker_url.startswith("filesystem"):
        folder = Path(request.getfixturevalue("filesystem_broker_options")["control_folder"])
        assert "djtaskq.ours" not in json.dumps(json.loads((folder / "celeryev.exchange").read_text()))


@pytest.mark.parametrize(("database", "broker_url"), [("sqlite", "filesystem")], indirect=True)
def test_workers_are_told_nothing_where_that_is_switched_off(cluster):
    camera = started(cluster, "--no-enable-events", "--loglevel=INFO")
    camera.wait_for("Connected to")
    worker = cluster.worker(events=False)
    task_id = cluster.send("add", 1, 1)
    worker.wait_for(f"[{task_id}] succeeded")
    assert camera.stop() == 0
    # What the client says of it is all that there is.
    assert set(TaskState.objects.values_list("state", flat=True)) <= {"PENDING"}


@pytest.mark.parametrize(("database", "broker_url"), [("sqlite", "filesystem")], indirect=True)
def test_celery_s_own_options_detach_a_camera_that_ends_well(cluster, seen, tmp_path):
    pidfile, logfile = tmp_path / "camera.pid", tmp_path / "camera.log"
    options = ("--detach", f"--pidfile={pidfile}", f"--logfile={logfile}", "--maxrate=10/s", "--umask=022")
    command = cluster.processes.camera(
        APP_NAME, "--frequency=0.2", *options, f"--uid={os.getuid()}", environment=cluster.environment
    )
    assert command.wait() == 0, command.output
    eventually(lambda: pidfile.exists() and pidfile.read_text().strip(), timeout=30)
    pid = int(pidfile.read_text())
    try:
        eventually(lambda: logfile.exists() and "Connected to" in logfile.read_text(), timeout=30)
        cluster.worker()
        sent = [cluster.send("add", 1, 1)]
        finished(cluster, sent)
        seen(SUCCESS=sent)
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not pidfile.exists(), timeout=30)
        eventually(lambda: CameraState.objects.get().stopped)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    assert "Traceback" not in logfile.read_text()
