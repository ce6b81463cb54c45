"""Celery's own command with our camera: queues are asked for beside the events."""

import pytest

from djtaskq_monitor.models import QueueSample, QueueState, TaskState, WorkerState
from tests.waiting import eventually

everywhere = pytest.mark.parametrize(
    ("database", "broker_url"),
    [("sqlite", "filesystem"), ("default", "redis"), ("mariadb", "rabbitmq")],
    indirect=True,
)


@pytest.fixture
def quick(cluster):
    cluster.environment["DJANGO_SETTINGS_MODULE"] = "tests.integration.monitor.queuesettings"
    return cluster


@everywhere
def test_the_camera_knows_the_queues_and_who_takes_from_them(quick, seen, broker_url):
    if broker_url.startswith("amqp"):  # which is asked once a minute for a queue that was not there
        with quick.client.connection_for_write() as connection:
            for name in ("monitored", "nobody"):
                quick.client.amqp.queues[name](connection.default_channel).declare()
    camera = quick.camera()
    waiting = [quick.send("add", number, 1) for number in range(3)]
    stuck = [quick.send("add", 1, queue="nobody") for _number in range(2)]

    def length(name):
        return QueueState.objects.get(name=name).length

    eventually(
        lambda: QueueState.objects.filter(name="monitored", length=3).exists(),
        message=lambda: f"{list(QueueState.objects.values())}\n{camera.output}",
    )
    quick.worker("--hostname=one@test", "--queues=monitored,other")
    seen(SUCCESS=waiting)
    worker = eventually(
        lambda: WorkerState.objects.exclude(queues=None).first(), message=lambda: camera.output
    )
    assert worker.queue_names == ["monitored", "other"]

    names = {"monitored", "other", "nobody"}
    eventually(lambda: QueueState.objects.filter(name__in=names).count() == 3)
    eventually(lambda: [length(name) for name in sorted(names)] == [0, 2, 0])
    assert QueueSample.objects.filter(queue__name="monitored").exists()
    state = QueueState.objects.get(name="nobody")
    assert state.problem == ""
    if broker_url.startswith("amqp"):
        assert (state.consumers, QueueState.objects.get(name="other").consumers) == (0, 1)
    else:
        oldest = TaskState.objects.get(task_id=stuck[0]).sent
        assert abs((state.oldest - oldest).total_seconds()) < 5

    assert camera.stop() == 0, camera.output
    assert "Traceback" not in camera.output
