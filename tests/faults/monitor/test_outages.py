"""The database or the broker is away while tasks are told of."""

import time

import pytest

from djtaskq_monitor.models import TaskState
from tests.faults.conftest import FULL
from tests.faults.monitor.scene import address
from tests.waiting import eventually

AWAY = 60 if FULL else 2
TASKS, RATE = (50_000, 600) if FULL else (1_500, 400)
LOST, CONNECTED = "No events for the moment", "Connected to"
WAYS = [
    ("postgresql", "redis", "crash"),
    *([("postgresql", "rabbitmq", "stop"), ("mariadb", "rabbitmq", "crash")] if FULL else []),
]


@pytest.mark.parametrize(
    ("database_server", "broker", "end"),
    WAYS,
    indirect=["database_server", "broker"],
    ids=map("-".join, WAYS),
)
def test_a_database_that_is_away_costs_no_event(database_server, broker, end, make_scene, request):
    scene = make_scene(broker, **address(database_server))
    camera = scene.camera()
    scene.emit(TASKS, rate=RATE)
    camera.wait_for(TaskState.objects.exists)
    getattr(database_server, end)()
    camera.wait_for("wait for the next write")
    time.sleep(AWAY)
    database_server.start()
    scene.reckon(f"database away for {AWAY} s: {request.node.callspec.id}", camera)


@pytest.mark.parametrize("database", ["default"], indirect=True)
@pytest.mark.parametrize("broker_server", ["rabbitmq", *(["redis"] if FULL else [])], indirect=True)
def test_a_broker_that_stops_and_crashes_finds_the_camera_again(database, broker_server, make_scene):
    scene = make_scene(broker_server.url)
    camera = scene.camera()
    for end in (broker_server.stop, broker_server.crash):
        scene.emit(TASKS // 5)
        scene.all_sent()
        eventually(lambda: not scene.left(), timeout=60, interval=0.1)
        lost, connected = camera.output.count(LOST), camera.output.count(CONNECTED)
        end()
        camera.wait_for(lambda before=lost: camera.output.count(LOST) > before)
        time.sleep(AWAY / 4)
        broker_server.start()
        camera.wait_for(lambda before=connected: camera.output.count(CONNECTED) > before, timeout=60)
    scene.emit(TASKS // 5)
    scene.reckon(f"{broker_server.name} stopped, then crashed, away for {AWAY / 4:g} s", camera)
