"""The monitor's pages over many tasks: the server's time for each, and what viewers cost who look on.

Two times: by the clock, at best; and of processors, of the web process and of the database's behind its
connection (PostgreSQL alone). The second is what counts on a machine that does other things as well.
"""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import harness
from benchmarks.pages.fill import RARE, fill

MONITOR = "/admin/djtaskq_monitor/"
VIEWERS, EVERY = 50, 5.0


def main() -> None:
    options = harness.arguments(__doc__, size=1_000_000)
    with harness.database(options.database) as (alias, _):
        began = time.monotonic()
        fill(alias, options.size)
        print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
        measure(alias, options)


def measure(alias, options) -> None:
    meter = Meter(alias)
    print(f"\n{options.size:,} tasks on {options.database}\n")
    print("| page | ms of processors | ms, at best | statements | kB |")
    print("|---|---:|---:|---:|---:|")
    client = _client()
    for name, path in _paths(options.size).items():
        page = Page(client, MONITOR + path)
        cpu, best = page.timed(meter, options.rounds)
        figures = f"{cpu * 1000:.0f} | {best * 1000:.0f} | {page.statements(alias)} | {page.size / 1000:.0f}"
        print(f"| {name} | {figures} |", flush=True)
    for name, path in {"dashboard": "dashboard/", "tasks": "taskstate/", "workers": "workerstate/"}.items():
        cpu, best = Viewer(client, MONITOR + path).timed(meter, 5 * options.rounds)
        print(f"| {name}, 304 | {cpu * 1000:.1f} | {best * 1000:.1f} | – | – |", flush=True)
    _viewers(meter, min(options.size / 50, 20))


def _paths(size: int) -> dict[str, str]:
    from django.utils.http import urlencode

    from djtaskq_monitor.models import TaskState

    rows = TaskState.objects.order_by("-first_seen")
    some, deep = rows[min(size - 1, 100)], rows[size // 2]
    hour = {"since": "1h"}
    tasks = {
        "all": {},
        "half-way down": {"after": f"{deep.first_seen.isoformat()},{deep.pk}"},
        "state, 3 %": {"state": "FAILURE"},
        "state, 0.1 %": {"state": "REVOKED"},
        "state, 40 tasks": {"state": "STARTED"},
        "name, 2 %": {"name": "shop.tasks.job_3"},
        "name, 0.05 %": {"name": RARE},
        "worker, 5 %": {"worker": "worker7@host"},
        "root": {"root": some.task_id},
        "the last hour": hour,
        "the last hour, state": hour | {"state": "FAILURE"},
        "name and state": {"name": "shop.tasks.job_3", "state": "FAILURE"},
        "queue": {"queue": "mail"},
        "exception": {"exception": "KeyError", "state": "FAILURE"},
        "search, a task id": {"q": some.task_id[:8]},
        "search, a name": {"q": "job_3"},
        "search, in arguments": {"q": f"args:{size // 2}"},
        "search, of nothing": {"q": "result:nowhere"},
    }
    kinds = ("volume", "runtime", "queues")
    return {
        **{f"dashboard, {span}": f"dashboard/?span={span}" for span in ("15m", "1h", "24h", "7d", "30d")},
        **{f"chart of {kind}, 7d": f"dashboard/chart/{kind}/?span=7d" for kind in kinds},
        **{f"task names, {span}": f"taskname/?span={span}" for span in ("1h", "24h", "7d", "30d")},
        "page of a name, 24h": "taskname/page/?name=shop.tasks.job_3&span=24h",
        **{f"tasks, {name}": f"taskstate/?{urlencode(query)}" for name, query in tasks.items()},
        "page of a task": f"taskstate/{some.pk}/change/",
        "workers": "workerstate/",
        "queues": "queuestate/",
    }


class Meter:
    """Seconds of processors, of this process and of the database's behind this thread's connection."""

    def __init__(self, alias: str) -> None:
        from django.db import connections

        self._file: Path | None = None
        connection = connections[alias]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self._file = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def read(self) -> float:
        database = int(self._file.read_text().split()[0]) / 1e9 if self._file else 0.0
        return time.process_time() + database


class Page:
    """One address, asked for by somebody who comes to it: nothing is remembered of a moment ago."""

    def __init__(self, client, path: str) -> None:
        self._client, self._path = client, path
        self.size = 0

    def get(self) -> bool:
        """Ask; whether it is to be counted."""
        response = self._client.get(self._path)
        if response.status_code != 200:
            raise AssertionError((self._path, response.status_code))
        self.size = len(response.content)
        return True

    def forget(self) -> None:
        from djtaskq_monitor.dashboard import memory

        memory.forget()

    def timed(self, meter: Meter, rounds: int) -> tuple[float, float]:
        """Seconds of processors of the median round, and by the clock of the best; without the first."""
        found = []
        while len(found) <= rounds:
            self.forget()
            cpu, start = meter.read(), time.perf_counter()
            if self.get():
                found.append((meter.read() - cpu, time.perf_counter() - start))
        cpus, clocks = zip(*found[1:], strict=True)
        return sorted(cpus)[len(cpus) // 2], min(clocks)

    def statements(self, alias) -> int:
        from django.db import connections
        from django.test.utils import CaptureQueriesContext

        self.forget()
        with CaptureQueriesContext(connections[alias]) as captured:
            self.get()
        return len(captured)


class Viewer(Page):
    """Somebody who looks on and has what there is; what the process remembers is a part of it."""

    def __init__(self, client, path: str) -> None:
        super().__init__(client, path)
        self._headers = {"X-Djtaskq-Live": "1"}
        self.get()

    def get(self) -> bool:
        response = self._client.get(self._path, headers=self._headers)
        self._headers["If-None-Match"] = response.headers.get("ETag", "")
        return response.status_code == 304

    def forget(self) -> None:
        pass


def _viewers(meter: Meter, seconds: float) -> None:
    """As many viewers, each of whom asks every few seconds: the time that answering them takes."""
    print(f"\n{VIEWERS} viewers of the dashboard who ask every {EVERY:.0f} s\n")
    print("| what happens meanwhile | processors, of one | by the clock | answered by 304 |")
    print("|---|---:|---:|---:|")
    for what, change in (("nothing", lambda: None), ("tasks, each second", _count_something)):
        cpu, busy, same = _watched(meter, seconds, change)
        print(f"| {what} | {cpu:.1%} | {busy:.1%} | {same:.0%} |", flush=True)


def _watched(meter: Meter, seconds: float, change: Callable[[], object]) -> tuple[float, float, float]:
    viewers = [Viewer(_client(), f"{MONITOR}dashboard/") for _ in range(VIEWERS)]
    began, used, busy, same, asked, changed = time.perf_counter(), 0.0, 0.0, 0, 0, 0.0
    while (now := time.perf_counter()) - began < seconds:
        if now - changed >= 1:
            change()
            changed = now
        cpu, start = meter.read(), time.perf_counter()
        same += viewers[asked % VIEWERS].get()
        asked += 1
        used += meter.read() - cpu
        busy += time.perf_counter() - start
        time.sleep(max(0.0, began + asked * EVERY / VIEWERS - time.perf_counter()))
    # By as many as should have asked: a machine that is busy lets them wait.
    due = asked * EVERY / VIEWERS
    return used / due, busy / due, same / asked


def _count_something() -> None:
    from djtaskq_monitor.statistics.models import FreshStatistics
    from djtaskq_monitor.statistics.tally import Label, Tally

    tally = Tally()
    tally.cells(Label("shop.tasks.job_1", "celery", "worker1@host"))[int(time.time() // 60)].states[3] += 1
    FreshStatistics.objects.create(body=tally.write())


def _client():
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.get())
    return client


if __name__ == "__main__":
    main()
