"""Two cameras side by side: rows and statistics are as one camera's would be."""

import pytest

from djtaskq_monitor.models import CameraState, TaskState
from tests.contract.monitor.test_statistics import expected, fold_all, stored
from tests.emitting import EVENTS
from tests.faults.conftest import FULL

TASKS = 20_000 if FULL else 500
OWN, SHARED = ("one", "two"), ("shared", "shared")


@pytest.mark.parametrize("database", ["default", *(["mariadb", "sqlite"] if FULL else [])], indirect=True)
@pytest.mark.parametrize("queues", [OWN, SHARED], ids=["own", "shared"])
def test_two_cameras_write_what_one_would(database, rabbitmq_url, make_scene, queues):
    scene = make_scene(rabbitmq_url)
    cameras = [scene.camera(MONITOR_QUEUE=queue) for queue in queues]
    for _ in range(2):
        scene.emit(TASKS)
    scene.reckon(f"two cameras, {database}: {' and '.join(queues)}", *cameras)
    assert TaskState.objects.count() == 2 * TASKS
    received = list(CameraState.objects.values_list("received", flat=True))
    events = 2 * TASKS * EVENTS
    if queues is OWN:
        assert min(received) >= events
    else:
        assert min(received) > 0
        assert events <= sum(received) < 1.5 * events
    fold_all(database)
    assert stored() == expected()
