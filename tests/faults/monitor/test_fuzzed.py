"""Events that no worker sends, among good ones: none of the good ones is lost, and the camera lives."""

import itertools
import pickle
import random
import time

import pytest
from celery.events.event import get_exchange
from django.db.models import Max
from kombu import Connection, Producer

from djtaskq_monitor.models import CameraState, TaskState
from tests.faults.conftest import FULL
from tests.faults.monitor.scene import PATIENCE
from tests.monitoring import NOW, event, hostile_dicts, success
from tests.waiting import eventually

HOSTILE, GOOD = (100_000, 5_000) if FULL else (2_000, 200)
LIST = 24
LARGE = 10_000_000
LARGE_EACH = 1_000
# Messages sent ahead of the camera: Redis cuts off who is slow to take more than 32 MB.
AHEAD = 100
ODD = (
    (b"{", "application/json"),
    (b"\xff\xfe", "application/json"),
    (b"", "application/json"),
    (b"[[[[", "application/x-yaml"),
    (pickle.dumps({"type": "task-sent"}), "application/x-python-serialize"),
    (b"\x00\x01", "application/data"),
    ("text", "text/plain"),
)


@pytest.mark.parametrize(
    ("database", "broker"),
    [("default", "rabbitmq"), ("mariadb", "redis")],
    indirect=True,
    ids=["RabbitMQ", "Redis"],
)
def test_hostile_events_cost_no_good_one(database, broker, make_scene):
    scene = make_scene(broker)
    camera = scene.camera()
    send(broker)
    eventually(
        lambda: not lost(),
        timeout=PATIENCE,
        interval=0.2,
        message=lambda: f"{len(lost())} are lost: {lost()[:5]}; {camera.output[-3000:]}",
    )
    assert camera.running
    assert camera.stop() == 0, camera.output
    run = CameraState.objects.aggregate(rejected=Max("rejected"), dropped=Max("dropped"))
    assert run["rejected"] > HOSTILE / 5
    assert run["dropped"] == 0


def lost():
    whole = TaskState.objects.filter(state="SUCCESS", name="proj.tasks.add", result="5", queue="celery")
    return sorted(ids() - set(whole.filter(task_id__startswith="good-").values_list("task_id", flat=True)))[
        :5
    ]


def ids():
    return {f"good-{number}" for number in range(GOOD)}


def send(broker):
    """Good and hostile ones in the same lists; a message that holds none after each, at times a large one."""
    rng = random.Random(1)
    recent = time.time() - NOW - 60
    told = [each for task_id in ids() for each in success(task_id, at=recent)]
    told += hostile_dicts(HOSTILE)
    rng.shuffle(told)
    odd = itertools.cycle(ODD)
    sent = 0
    with Connection(broker) as connection, Producer(connection) as producer:
        exchange = get_exchange(connection)
        for number in range(0, len(told), LIST):
            part = told[number : number + LIST]
            to = {"exchange": exchange, "routing_key": "task.multi", "declare": [exchange]}
            producer.publish(part, serializer="json", **to)
            body, content_type = next(odd)
            producer.publish(body, content_type=content_type, content_encoding="utf-8", **to)
            sent += len(part) + 1
            if number // LIST % LARGE_EACH == 0:
                large = event("task-received", recent, uuid=f"large-{number}", args="x" * LARGE, kwargs="{}")
                producer.publish(large, serializer="json", **to)
                sent += 1
            if number // LIST % AHEAD == AHEAD - 1:
                eventually(lambda wanted=sent: received() >= wanted, timeout=PATIENCE)


def received():
    return CameraState.objects.get().received
