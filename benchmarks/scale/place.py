"""Where a benchmark takes place: one database, one broker, and the beats that run on them."""

import contextlib
import dataclasses
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.scale.app import app
from tests.processes import Process, ProcessEndedError, Processes
from tests.waiting import eventually


def say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """`alias` is the database to this process; `broker` the name of the server that `url` leads to."""

    alias: str
    broker: str
    url: str
    processes: Processes

    def start(self, scheduler: str, count: int, *arguments: str) -> list[Process]:
        """Start beats, all at the same time, that log no more than Celery does by default."""
        words = ("beat", "-S", scheduler, "--pidfile=", "--loglevel=WARNING", *arguments)
        return [self.processes.celery(app.main, *words) for _ in range(count)]


def wait(
    beats: Sequence[Process], condition: Callable[[], Any], seconds: float, *, every: float = 0.25
) -> Any:
    """What `condition` answers once that is true; asked seldom, to take nothing from what is measured."""

    def asked() -> Any:
        for beat in beats:
            if not beat.running:
                raise ProcessEndedError(f"A beat ended by itself:\n{beat.output[-4000:]}")
        return condition()

    def said() -> str:
        return f"the first beat said: {beats[0].output[-2000:]}"

    return eventually(asked, timeout=seconds, interval=every, message=said)


def memory(beats: Sequence[Process]) -> float:
    """The most that any of them ever had resident, in MB of a million bytes."""
    statuses = [Path(f"/proc/{beat.pid}/status").read_text() for beat in beats]
    return max(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 / 1e6 for status in statuses)


class Queue:
    """The queue that every message goes to; nobody takes any."""

    def __init__(self, connection: Any) -> None:
        self._queue = app.amqp.queues[app.conf.task_default_queue].bind(connection.default_channel)

    def length(self) -> int:
        return int(self._queue.queue_declare().message_count)

    def empty(self) -> None:
        self._queue.declare()
        self._queue.purge()


@contextlib.contextmanager
def empty_queue() -> Iterator[Queue]:
    with app.connection_for_write() as connection:
        queue = Queue(connection)
        queue.empty()
        yield queue
