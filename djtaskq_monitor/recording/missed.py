"""How many tasks workers started of which no event came, by what their heartbeats say.

A heartbeat tells how many tasks its process has started since it began, and each `task-started` tells of
one. Both carry their sender's time: what started up to a heartbeat is compared with that heartbeat's number,
one heartbeat later, since events about tasks travel in lists and may be overtaken.

Up to the first heartbeat that is heard here, others may have taken the events. That is a gap: who knows what
is recorded says how many of its starts are.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from djtaskq_monitor.recording import order, values

_MOST_PROCESSES = 10_000
# Between two heartbeats; a process that starts more, or is silent for so long, is no longer followed.
_MOST_STARTS = 100_000
_EARLIEST, _LATEST = values.EARLIEST, order.END_OF_TIME / values.MICRO

Process = tuple[str, int]


@dataclasses.dataclass(slots=True)
class Told:
    """What a process had told at the time `at`, in seconds by its own clock: `processed` tasks."""

    processed: int = 0
    at: float = 0.0


@dataclasses.dataclass(slots=True)
class Gap:
    """From the last heartbeat of a worker that others recorded to the first one heard here.

    `recorded` is how many of its starts somebody recorded, None as long as nobody has looked. It may become
    more until `settled`.
    """

    hostname: str
    since: Told
    until: Told
    recorded: int | None = None
    settled: bool = False

    @property
    def started(self) -> int:
        return max(0, self.until.processed - self.since.processed)

    @property
    def missed(self) -> int:
        return 0 if self.recorded is None else max(0, self.started - self.recorded)


@dataclasses.dataclass(slots=True)
class _Followed:
    """One process; `seen` starts after `base` and up to `last`, and the times of `later` ones."""

    base: Told
    last: Told
    latest: Told
    gap: Gap | None = None
    seen: int = 0
    later: list[float] = dataclasses.field(default_factory=list)

    def start(self, at: float) -> None:
        if at > self.last.at:
            self.later.append(at)
        elif at > self.base.at:
            self.seen += 1

    def tell(self, told: Told) -> None:
        if told.at <= self.latest.at:
            return
        self.last, self.latest = self.latest, told
        self.seen += sum(at <= self.last.at for at in self.later)
        self.later = [at for at in self.later if at > self.last.at]

    @property
    def missed(self) -> int:
        missed = max(0, self.last.processed - self.base.processed - self.seen)
        return missed + (self.gap.missed if self.gap else 0)


class Missed:
    """Follows workers' processes, by their node name and process id."""

    def __init__(self) -> None:
        self._followed: dict[Process, _Followed] = {}
        # The process that was heard last of each worker, and what it told.
        self._known: dict[str, tuple[int, Told]] = {}

    def begin(self, hostname: str, pid: int, told: Told) -> None:
        """Go on from the last heartbeat that is recorded of a worker."""
        self._known[hostname] = pid, told

    def notice(self, event: Any) -> None:
        """Take any event, whatever it is."""
        if not isinstance(event, dict):
            return
        kind = event.get("type")
        if kind not in {"task-started", "worker-heartbeat", "worker-online"}:
            return
        hostname, pid = event.get("hostname"), values.count(event.get("pid"))
        at = values.number(event.get("timestamp"))
        if not isinstance(hostname, str) or pid is None or at is None or not _EARLIEST <= at <= _LATEST:
            return
        if kind == "task-started":
            self._start((hostname, pid), at)
        else:
            processed = values.count(event.get("processed"), 1 << 53)
            if processed is not None:
                self._tell((hostname, pid), Told(processed, at))

    def _start(self, process: Process, at: float) -> None:
        followed = self._followed.get(process)
        if followed is None:
            return
        followed.start(at)
        if len(followed.later) > _MOST_STARTS:
            del self._followed[process]

    def _tell(self, process: Process, told: Told) -> None:
        hostname, pid = process
        followed = self._followed.get(process)
        known = self._known.get(hostname)
        if followed is not None:
            followed.tell(told)
        elif len(self._followed) >= _MOST_PROCESSES or (known and known[1].at > told.at):
            return  # one that waited in a queue says less than what is recorded
        else:
            self._followed[process] = _Followed(told, told, told, _gap(process, known, told))
        if known is None or told.at > known[1].at:
            self._known[hostname] = pid, told

    def gaps(self) -> Iterator[Gap]:
        """Those that are to be looked at: whose events must have arrived by now, if they come at all."""
        for followed in list(self._followed.values()):
            gap = followed.gap
            if gap is not None and not gap.settled and followed.last.at < followed.latest.at:
                yield gap

    @property
    def total(self) -> int:
        return sum(followed.missed for followed in list(self._followed.values()))


def _gap(process: Process, known: tuple[int, Told] | None, told: Told) -> Gap | None:
    if known is None:
        return None
    hostname, pid = process
    known_pid, since = known
    # Another process of a worker that was there: all that it started was to be seen.
    gap = Gap(hostname, since if pid == known_pid else Told(0, since.at), told)
    return gap if gap.started else None
