import os

import pytest
from celery import Celery

from djtaskq_monitor.models import CameraState
from tests.integration.monitor.controlling import (  # noqa: F401  fixtures
    control_app,
    control_broker,
    control_worker,
    pages_of_control,
    processes_of_all,
    start_worker,
)
from tests.waiting import eventually

APP = "tests.integration.monitor.monitorapp"


class Cluster:
    """A worker's and a camera's world: one broker, one database."""

    def __init__(self, processes, broker_url, options):
        self.processes = processes
        self.environment = {
            "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
            "DJTASKQ_TEST_BROKER_URL": broker_url,
        }
        self.client = Celery("client", broker=broker_url)
        self.client.conf.update(
            task_send_sent_event=True,
            task_default_queue="monitored",
            broker_transport_options=options,
        )

    def worker(self, *arguments, events=True):
        arguments = [*arguments, "--pool=solo"] if "--pool=prefork" not in arguments else [*arguments]
        return self.processes.worker(
            APP, *(["-E"] if events else []), *arguments, environment=self.environment
        )

    def camera(self, *arguments):
        """Start a camera, and wait until it writes."""
        known = set(CameraState.objects.values_list("pk", flat=True))
        camera = self.processes.camera(APP, "--frequency=0.2", *arguments, environment=self.environment)
        camera.wait_for(lambda: CameraState.objects.exclude(pk__in=known).exists())
        camera.wait_for("Connected to")
        return camera

    def send(self, name, *args, **options):
        return self.client.send_task(f"{APP}.{name}", args, **options).id

    def close(self):
        self.client.close()


@pytest.fixture
def clusters(database, processes, request):
    """A function that makes the cluster of a broker's URL."""
    made = []

    def make(broker_url):
        options = {"polling_interval": 0.05}
        if broker_url.startswith("filesystem"):
            options |= request.getfixturevalue("filesystem_broker_options")
        made.append(Cluster(processes, broker_url, options))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def cluster(clusters, broker_url):
    return clusters(broker_url)


@pytest.fixture
def seen():
    """Wait until tasks are in a state: `seen(SUCCESS=[task_id])`."""
    from djtaskq_monitor.models import TaskState

    def wait(timeout=30, **expected):
        wanted = {task_id: state for state, ids in expected.items() for task_id in ids}

        def found():
            rows = dict(TaskState.objects.filter(task_id__in=wanted).values_list("task_id", "state"))
            assert rows == wanted
            return True

        eventually(found, timeout=timeout)
        return {row.task_id: row for row in TaskState.objects.filter(task_id__in=wanted)}

    return wait
