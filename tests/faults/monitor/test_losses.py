"""How Celery's own camera loses tasks, at its own size: the bounds of its memory and of its queue."""

import time

import pytest
from celery import Celery, states
from celery.events.state import State
from django.db import router, transaction
from django.utils import timezone

from djtaskq_monitor.camera import Camera
from djtaskq_monitor.models import TaskState
from tests.faults.conftest import FULL
from tests.monitoring import NOW, event, message, success

# Celery's `State` holds 10,000, whatever they are at.
MORE_THAN_CELERY_HOLDS = 10_050
# Celery's events live in their queue for 5 seconds; Redis ends a connection that 32 MB wait for.
STILL, TASKS = (30, 40_000) if FULL else (1.5, 1_500)


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_no_task_is_given_up_for_newer_ones(database):
    recently = time.time() - NOW - 60
    with Celery("camera", broker="memory://", set_as_current=False) as app:
        camera = Camera(State(), app=app)
        camera.recorder.take(event("task-received", recently, **message("long")))
        camera.recorder.take(event("task-started", recently, uuid="long"))
        for number in range(MORE_THAN_CELERY_HOLDS):
            for each in success(f"t{number}", at=recently):
                camera.recorder.take(each)
        camera.flush()
        camera.recorder.take(event("task-succeeded", recently + 30, uuid="long", result="1", runtime=30.0))
        camera.flush()
    row = TaskState.objects.get(task_id="long")
    assert (row.state, row.name, row.result) == ("SUCCESS", "proj.tasks.add", "1")
    assert TaskState.objects.filter(state="SUCCESS").count() == MORE_THAN_CELERY_HOLDS + 1


@pytest.mark.parametrize(
    ("database", "broker"),
    [("default", "rabbitmq"), ("mariadb", "redis")],
    indirect=True,
    ids=["RabbitMQ", "Redis"],
)
def test_a_write_that_stands_still_costs_no_event(database, broker, make_scene, request):
    scene = make_scene(broker)
    camera = scene.camera()
    TaskState.objects.create(task_id="worker0@test-0", state=states.PENDING, tstamp=timezone.now())
    with transaction.atomic(using=router.db_for_write(TaskState)):
        TaskState.objects.select_for_update().get()
        began = time.monotonic()
        scene.emit(TASKS, rate=TASKS / STILL)
        scene.all_sent()
        time.sleep(max(0, began + STILL - time.monotonic()))
        # MariaDB gives up waiting for the lock now and then, and what else is in that write goes on.
        assert len(scene.left()) > TASKS / 2
    scene.reckon(f"a write stands still for {STILL} s: {request.node.callspec.id}", camera)
