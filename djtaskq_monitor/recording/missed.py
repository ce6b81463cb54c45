"""How many tasks workers started of which no event came, by what their heartbeats say.

A heartbeat tells how many tasks its process has started since it began, and each `task-started` tells of
one. Both carry their sender's time: what started up to a heartbeat is compared with that heartbeat's number,
one heartbeat later, since events about tasks travel in lists and may be overtaken.
"""

import dataclasses
from typing import Any

from djtaskq_monitor.recording import values

_MOST_PROCESSES = 10_000
# Between two heartbeats; a process that starts more, or is silent for so long, is no longer followed.
_MOST_STARTS = 100_000

Process = tuple[str, int]


@dataclasses.dataclass(slots=True)
class Told:
    """What a process had told at the time `at`, in seconds by its own clock: `processed` tasks."""

    processed: int = 0
    at: float = 0.0


@dataclasses.dataclass(slots=True)
class _Followed:
    """One process; `seen` starts after `base` and up to `last`, and the times of `later` ones."""

    base: Told
    last: Told
    latest: Told
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
        return max(0, self.last.processed - self.base.processed - self.seen)


class Missed:
    """Follows workers' processes, by their node name and process id."""

    def __init__(self) -> None:
        self._followed: dict[Process, _Followed] = {}
        self._known: set[str] = set()

    def begin(self, hostname: str, pid: int, told: Told, seen: int) -> None:
        """Go on from what a camera before this one knew: `seen` starts after the last heartbeat."""
        self._known.add(hostname)
        self._followed[hostname, pid] = _Followed(told, told, told, seen)

    def notice(self, event: Any) -> None:
        """Take any event, whatever it is."""
        if not isinstance(event, dict):
            return
        kind = event.get("type")
        if kind not in {"task-started", "worker-heartbeat", "worker-online"}:
            return
        hostname, pid = event.get("hostname"), values.count(event.get("pid"))
        at = values.number(event.get("timestamp"))
        if not isinstance(hostname, str) or pid is None or at is None:
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
        followed = self._followed.get(process)
        if followed is not None:
            followed.tell(told)
        elif len(self._followed) < _MOST_PROCESSES:
            # Another process of a worker that was there: all that it started was to be seen.
            base = Told() if process[0] in self._known else told
            self._known.add(process[0])
            self._followed[process] = _Followed(base, base, told)

    @property
    def total(self) -> int:
        return sum(followed.missed for followed in list(self._followed.values()))
