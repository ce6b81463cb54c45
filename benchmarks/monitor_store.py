"""Recording tasks' events in one process: they are read, merged and written, three of each task.

Beside it stands the way of django-celery-monitor: Celery's `State`, and for each task a row that is locked,
made or changed by itself.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import harness
from benchmarks.streams import lives
from tests.emitting import EVENTS

# As many tasks as a second brings in a large installation; each is written once, at its end.
SIZE = 5_000
# The peer's way takes seconds for what takes others milliseconds.
PEERS_PART = 10


def main() -> None:
    options = harness.arguments(__doc__, size=SIZE, rounds=3)
    with harness.database(options.database) as (alias, _):
        peers_size = max(1, options.size // PEERS_PART)
        contenders = {
            "djtaskq": (_ours(alias), options.size),
            "djtaskq without statistics": (_ours(alias, MONITOR_STATISTICS=False), options.size),
            "djtaskq, each event in a write of its own": (_ours(alias, writes=3), options.size),
            "djtaskq without the database": (_ours(""), options.size),
            "django-celery-monitor's way": (_peers(alias), peers_size),
        }
        streams = {name: _Stream(size) for name, (_, size) in contenders.items()}
        medians = harness.compare(
            {name: _bound(work, streams[name]) for name, (work, _) in contenders.items()},
            options.rounds,
            {name: stream.renew for name, stream in streams.items()},
        )
        counts = {name: _statements(alias, work, streams[name]) for name, (work, _) in contenders.items()}
    _report(options.database, medians, counts, {name: size for name, (_, size) in contenders.items()})


class _Stream:
    """The events of as many new tasks, made before the time is taken: state by state, as workers mix them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.states: list[list[dict[str, Any]]] = []

    def renew(self) -> None:
        self.states = [list(state) for state in zip(*lives.tasks(self.size, time.time()), strict=True)]


Work = Callable[[_Stream], object]


def _bound(work: Work, stream: _Stream) -> Callable[[], object]:
    return lambda: work(stream)


def _ours(alias: str, writes: int = 1, **settings: object) -> Work:
    from django.test import override_settings

    from djtaskq_monitor.recording import store
    from djtaskq_monitor.recording.recorder import Recorder

    def work(stream: _Stream) -> None:
        recorder = Recorder(limit=10 * SIZE)
        with override_settings(DJTASKQ=settings):
            for number, events in enumerate(stream.states):
                for event in events:
                    recorder.take(event)
                if alias and (number == 2 or writes == 3):
                    left, set_aside = store.write(recorder.swap(), using=alias)
                    assert not left
                    assert not set_aside

    return work


def _peers(alias: str) -> Work:
    from celery.events.state import State

    from benchmarks.streams import peers

    peers.create(alias)

    def work(stream: _Stream) -> None:
        state = State()
        for events in stream.states:
            for event in events:
                state.event({**event, "local_received": event["timestamp"]})
        peers.write(state, alias)

    return work


def _statements(alias: str, work: Work, stream: _Stream) -> int:
    from django.db import connections

    stream.renew()
    count = 0

    def counting(execute: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*arguments)

    with connections[alias].execute_wrapper(counting):
        work(stream)
    return count


def _report(database: str, medians: dict[str, float], counts: dict[str, int], sizes: dict[str, int]) -> None:
    print(f"\nEvents of tasks into {database}\n")
    print("| contender | tasks/s | events/s | statements for 1,000 tasks |")
    print("|---|---:|---:|---:|")
    for name, seconds in medians.items():
        rate = sizes[name] / seconds
        statements = 1_000 * counts[name] / sizes[name]
        print(f"| {name} | {rate:,.0f} | {EVENTS * rate:,.0f} | {statements:,.1f} |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
