"""The two, each with a web address, and what they look at: a broker, workers, tasks that ran."""

import json
import subprocess
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from benchmarks.flower_api.calls import TASKS, WORKER, Call
from benchmarks.streams.takers import FLOWER, install_flower
from tests.processes import ROOT, Process, Processes
from tests.servers.places import free_port
from tests.users.site import Site
from tests.waiting import eventually

APP = "benchmarks.flower_api.app"
_WORKERS = (WORKER, "second@compared", "third@compared")


class Side:
    """Who is asked: `fill` has the names that are this one's alone."""

    def __init__(self, url: str, token: str, fill: Mapping[str, str]) -> None:
        self._url, self._token, self.fill = url, token, fill

    def ask(self, call: Call) -> tuple[int, str]:
        """Status and body."""
        *options, path = call.words(self.fill)
        if self._token:
            options += ["--header", f"Authorization: Bearer {self._token}"]
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--write-out",
            "\n%{http_code}",
            *options,
            self._url + path,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body.strip()


class Sides:
    """Flower and djtaskq on the same workers of one broker."""

    def __init__(self, processes: Processes, broker: str) -> None:
        install_flower()
        self._processes, self._broker = processes, broker
        self._environment = {"BROKER_URL": broker, "FLOWER_UNAUTHENTICATED_API": "true"}
        for name in _WORKERS:
            self._start("celery", "-A", APP, "worker", "-E", f"-n{name}", "-c4", "-lINFO").wait_for(" ready.")
        urls = self._flower(), self._ours()
        self.flower, self.ours = Side(urls[0], "", {}), Side(urls[1], self._token, {})
        # Events that were sent before somebody listened are nobody's: tasks run once both see workers.
        eventually(lambda: self._both(_sees_workers), timeout=60, interval=0.5)
        ids = self._run_tasks()
        self.flower = Side(urls[0], "", ids[0] | {"last": "second"})
        self.ours = Side(urls[1], self._token, ids[1] | {"last": "third"})
        eventually(lambda: self._both(_sees_tasks), timeout=60, interval=0.5)

    def _start(self, *words: str, **environment: str) -> Process:
        return self._processes.python("-m", *words, environment=self._environment | environment)

    def _flower(self) -> str:
        port = free_port()
        command = [FLOWER / "bin" / "celery", "-A", APP, "flower", "--address=127.0.0.1", f"--port={port}"]
        process = self._processes.start(*command, environment=self._environment, folder=ROOT)
        process.wait_for("Connected to", timeout=60)
        return f"http://127.0.0.1:{port}/"

    def _ours(self) -> str:
        port = free_port()
        more = {"result_backend": self._broker, "imports": [TASKS]}
        settings = {"DJANGO_SETTINGS_MODULE": "djtaskq.project.settings", "DJTASKQ_CELERY": json.dumps(more)}
        process = self._start("djtaskq.project", "watch", f"--port={port}", **settings)
        process.wait_for("Connected to", timeout=60)
        url = f"http://127.0.0.1:{port}/"
        eventually(lambda: Site.answers(f"{url}admin/"), timeout=30)
        password = process.output.partition("password")[2].split()[0]
        self._token = Site(f"{url}admin/", "demo", password).token("control")
        return f"{url}celery/"

    def _run_tasks(self) -> list[dict[str, str]]:
        """For each of the two: the ids of tasks that are done, failed, wait, and may be aborted."""
        from celery import Celery

        client: Any = Celery("client", broker=self._broker, backend=self._broker, set_as_current=False)
        client.conf.task_send_sent_event = True

        def send(name: str, *args: Any, **options: Any) -> str:
            return str(client.send_task(f"{TASKS}.{name}", args, **options).id)

        done, failed = send("add", 1, 2), send("fail", "no")
        found = [
            {
                "done": done,
                "failed": failed,
                "waiting": send("add", 1, 1, countdown=600),
                "abortable": send("until_aborted"),
            }
            for _ in range(2)
        ]
        client.AsyncResult(failed).get(timeout=30, propagate=False)
        client.close()
        return found

    def _both(self, sees: Callable[[Side], bool]) -> bool:
        return all(sees(side) for side in (self.flower, self.ours))


def _sees_workers(side: Side) -> bool:
    status, told = side.ask(Call("A1", "workers?status=1"))
    return status == HTTPStatus.OK and sum(json.loads(told).values()) == len(_WORKERS)


def _sees_tasks(side: Side) -> bool:
    calls = [Call("A11", f"task/info/{{{name}}}") for name in ("done", "failed", "waiting", "abortable")]
    return all(side.ask(call)[0] == HTTPStatus.OK for call in calls)
