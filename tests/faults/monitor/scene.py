"""Real cameras that take the events of thousands of tasks while something goes wrong."""

import json
import os
import time

from django.db import connections
from django.db.models import F, Sum

from djtaskq_monitor.models import CameraState, TaskState
from tests.faults.conftest import FULL
from tests.faults.monitor.figures import Figures
from tests.processes import Process
from tests.waiting import eventually

APP = "tests.faults.monitor.app"
PATIENCE = 240 if FULL else 60
FREQUENCY = 0.2

_ALIASES = {"postgresql": ("default", "postgres"), "mariadb": ("mariadb", "mysql")}


def address(server):
    """The environment that leads cameras to a private database server, as the alias that they know."""
    alias, name = _ALIASES[server.name]
    return {f"DJTASKQ_TEST_{server.name.upper()}": f"{server.url}/{name}", "DJTASKQ_TEST_DATABASE": alias}


class Scene:
    """A broker, a database, cameras, and processes that tell of tasks as workers do."""

    def __init__(self, processes, broker_url, record, **environment):
        self.broker_url = broker_url
        self.killed = 0
        self._processes, self._record = processes, record
        self._environment = {
            "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
            "DJTASKQ_TEST_BROKER_URL": broker_url,
            **environment,
        }
        self._emitted: dict[str, tuple[Process, int]] = {}

    def camera(self, *arguments, **settings):
        """Start a camera with these settings, and wait until it writes."""
        known = set(CameraState.objects.values_list("pk", flat=True))
        camera = self._processes.camera(
            APP,
            f"--frequency={FREQUENCY}",
            *arguments,
            environment={**self._environment, "FAULTS_SETTINGS": json.dumps(settings)},
        )
        camera.wait_for(lambda: CameraState.objects.exclude(pk__in=known).exists(), timeout=60)
        camera.wait_for("Connected to", timeout=60)
        return camera

    def kill(self, camera):
        camera.kill()
        self.killed += 1

    def emit(self, count, *, rate=0, name="worker", stay=False):
        """Tell of `count` tasks that succeed, about `rate` a second; `stay` to live on after them."""
        hostname = f"{name}{len(self._emitted)}@test"
        emitter = self._processes.python(
            *(
                "-m",
                "tests.emitting",
                self.broker_url,
                str(count),
                f"--hostname={hostname}",
                f"--rate={rate}",
                *(["--stay"] if stay else []),
            ),
            environment=self._environment,
        )
        emitter.wait_for("began")
        self._emitted[hostname] = emitter, count
        return emitter

    def all_sent(self):
        for emitter, _ in self._emitted.values():
            assert emitter.wait(PATIENCE) == 0, emitter.output

    def ids(self):
        """The ids of all tasks that were told of."""
        return {
            f"{hostname}-{number}"
            for hostname, (_, count) in self._emitted.items()
            for number in range(count)
        }

    def reckon(self, scenario, *cameras):
        """Wait until each task is in the table in its final state, and whole; stop the cameras."""
        self.all_sent()
        sent = time.monotonic()
        connections.close_all()  # the scenario may have broken them
        eventually(
            lambda: not self.left(),
            timeout=PATIENCE,
            interval=0.2,
            message=lambda: "\n".join(
                [*sorted(self.left())[:5], *(camera.output[-3000:] for camera in cameras)]
            ),
        )
        settled = time.monotonic() - sent
        self.stop(*cameras)
        self.note(scenario, settled=settled)

    def stop(self, *cameras):
        for camera in cameras:
            assert camera.stop() == 0, camera.output
            assert "Traceback" not in camera.output, camera.output

    def note(self, scenario, *, settled=0.0):
        received = CameraState.objects.aggregate(all=Sum("received"))["all"] or 0
        ids = self.ids()
        missing = ids - set(TaskState.objects.values_list("task_id", flat=True))
        self._record(
            Figures(
                scenario=scenario,
                tasks=len(ids),
                received=received,
                killed=self.killed,
                missing=len(missing),
                unfinished=len(self.left() - missing),
                settled=settled,
            )
        )

    def left(self):
        """The tasks that are not in the table with all that was told of them."""
        whole = TaskState.objects.filter(
            state="SUCCESS",
            outcome="SUCCESS",
            name="proj.tasks.add",
            result="5",
            received__lte=F("started"),
            started__lte=F("succeeded"),
        )
        return self.ids() - set(whole.values_list("task_id", flat=True))
