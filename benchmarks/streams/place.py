"""Where a stream of events flows: a broker, a database that can be held still, and processes."""

import os
import signal
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import harness
from tests.processes import Process, Processes
from tests.servers import Fleet


class Place:
    """One run's servers; `url` is that of the broker in use."""

    def __init__(self, fleet: Fleet, database: str) -> None:
        self.url = ""
        self.processes = Processes(fleet.folder, fleet.keeper)
        self._fleet, self._database = fleet, database

    def use(self, broker: str) -> None:
        self.url = self._fleet.use(broker).url

    @contextmanager
    def still(self) -> Iterator[None]:
        """The database answers nobody: its processes are stopped, or its file is locked."""
        if self._database == "sqlite":
            with self._locked():
                yield
            return
        pids = _family(self._fleet.use(self._database).pid)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        file = os.environ["DJTASKQ_TEST_SQLITE"].removeprefix("sqlite:///")
        holder = sqlite3.connect(file, isolation_level=None, timeout=20)
        try:
            holder.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            holder.close()


@contextmanager
def place(database: str) -> Iterator[Place]:
    """A place with an empty, migrated database."""
    fleet = Fleet()
    made = Place(fleet, database)
    try:
        harness.migrated(fleet, database)
        yield made
    finally:
        made.processes.close()
        fleet.close()


def _family(pid: int) -> list[int]:
    """A process and all that came of it, the parents first."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def memory(processes: Iterable[Process]) -> float:
    """The most that one of them held at any time, in MB."""
    return max(
        int(_told(process, "status").partition("VmHWM:")[2].split()[0]) / 1024 for process in processes
    )


def cpu(processes: Iterable[Process]) -> float:
    """The seconds of CPU that they have used, all together."""
    ticks = 0
    for process in processes:
        # The fields after the command's name, which may hold anything.
        fields = _told(process, "stat").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _told(process: Process, what: str) -> str:
    return Path(f"/proc/{process.pid}/{what}").read_text()
