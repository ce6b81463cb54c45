"""Who takes a stream of events: nobody in particular, our camera, Flower."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.streams.place import Place
from tests.emitting import EVENTS
from tests.processes import ROOT
from tests.servers.places import free_port
from tests.waiting import eventually

PATIENCE = 600
# Longer than anybody here takes between two events that are still to come.
_SILENCE = 20.0
APP = "tests.integration.monitor.monitorapp"
FLOWER = ROOT / "build" / "flower"


class Taker:
    """Processes that take events; `taken` tells how many by now, and when that was."""

    name = ""
    processes: list[Any]

    def taken(self) -> tuple[int, float]:
        raise NotImplementedError

    def wait(self, events: int) -> tuple[int, float]:
        """Wait until it has taken as many as these, or no more come; how many it took, and until when."""
        seen = self.taken()
        more_until = time.time() + _SILENCE

        def settled() -> bool:
            nonlocal seen, more_until
            now = self.taken()
            if now[0] > seen[0]:
                seen, more_until = now, time.time() + _SILENCE
            return seen[0] >= events or time.time() > more_until

        eventually(settled, timeout=PATIENCE, interval=0.1, message=self._said)
        return seen

    def _said(self) -> str:
        return f"{self.taken()}; {[process.output[-2000:] for process in self.processes]}"

    def stop(self) -> None:
        for process in self.processes:
            process.kill()


class Empty(Taker):
    name = "kombu, an empty handler"

    def __init__(self, place: Place) -> None:
        self.processes = [place.processes.python("-m", "benchmarks.streams.empty", place.url)]
        self.processes[0].wait_for("ready")

    def taken(self) -> tuple[int, float]:
        took = [line.split() for line in self.processes[0].output.splitlines() if line.startswith("took ")]
        return (int(took[-1][1]), float(took[-1][3])) if took else (0, 0.0)


class Camera(Taker):
    """What it has taken is what is in its table, in the last state."""

    name = "djtaskq's camera, into the database"
    count = 1

    def __init__(self, place: Place) -> None:
        from djtaskq_monitor.models import CameraState, TaskState

        self._tasks, self._runs = TaskState.objects, CameraState.objects
        known = self._runs.count()
        self._before = self._tasks.count()
        environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "DJTASKQ_TEST_BROKER_URL": place.url}
        self.processes = [
            place.processes.camera(APP, "--frequency=1", environment=environment) for _ in range(self.count)
        ]
        for process in self.processes:
            process.wait_for("Connected to", timeout=120)
        self.processes[0].wait_for(lambda: self._runs.count() == known + self.count, timeout=120)

    def taken(self) -> tuple[int, float]:
        return EVENTS * (self._tasks.filter(outcome="SUCCESS").count() - self._before), time.time()

    def received(self) -> int:
        """How many events it had taken at its last write."""
        return int(self._runs.order_by("-pk").values_list("received", flat=True)[0])

    def stop(self) -> None:
        for process in self.processes:
            assert process.stop() == 0, process.output


class TwoCameras(Camera):
    """On one queue, of which the broker gives each a part."""

    name = "two of them on one queue"
    count = 2


class Flower(Taker):
    """Flower 2.2, in an environment of its own."""

    name = "Flower 2.2, into its memory"

    def __init__(self, place: Place) -> None:
        port = free_port()
        self._metrics = f"http://127.0.0.1:{port}/metrics"
        command = [FLOWER / "bin" / "celery", f"--broker={place.url}", "flower", "--address=127.0.0.1"]
        process = place.processes.start(*command, f"--port={port}")
        self.processes = [process]
        eventually(self._page, timeout=60, interval=0.2, message=lambda: process.output)
        process.wait_for("Connected to", timeout=60)

    def _page(self) -> str:
        try:
            with urllib.request.urlopen(self._metrics, timeout=60) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def taken(self) -> tuple[int, float]:
        found = [
            line
            for line in self._page().splitlines()
            if line.startswith("flower_events_total{") and 'type="task-' in line
        ]
        return sum(int(float(line.split()[-1])) for line in found), time.time()


def install_flower() -> None:
    if not (FLOWER / "bin" / "celery").exists():
        _run(sys.executable, "-m", "venv", FLOWER)
        _run(FLOWER / "bin" / "pip", "install", "--quiet", "flower==2.2.*", "celery[redis]")


def _run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True)
