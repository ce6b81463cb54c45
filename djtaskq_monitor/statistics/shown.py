"""What a counter shows: figures that only ever grow, and histograms with the bounds that metrics have.

A task that was counted for one label is taken away from it when more is heard of it, and counted for
another. To Prometheus a counter that falls by one has begun anew, and all of it is new. So a counter shows
the most that it ever was: what moves on was counted there for a moment, and the next that comes covers it.
"""

import dataclasses
import json
from bisect import bisect_left

from djtaskq_monitor.statistics import histogram
from djtaskq_monitor.statistics.histogram import Counts
from djtaskq_monitor.statistics.tally import STATES, Cell, cell

MICRO = 1_000_000
# Seconds, as Flower and celery-exporter have them; those of waits reach as far as the exporter's.
RUNTIME_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
WAIT_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0)


@dataclasses.dataclass(slots=True)
class Shown:
    """How many reached each of `STATES`; durations in microseconds, and how many took up to each bound.

    The last of `runtimes` and of `waits` counts all of them.
    """

    states: list[int] = dataclasses.field(default_factory=lambda: [0] * len(STATES))
    runtime: int = 0
    wait: int = 0
    runtimes: list[int] = dataclasses.field(default_factory=lambda: [0] * (len(RUNTIME_BOUNDS) + 1))
    waits: list[int] = dataclasses.field(default_factory=lambda: [0] * (len(WAIT_BOUNDS) + 1))

    def rise(self, counted: Cell) -> None:
        """Grow to what was counted, wherever that is more."""
        self.states = _most(self.states, counted.states)
        self.runtime = max(self.runtime, counted.runtime)
        self.wait = max(self.wait, counted.wait)
        self.runtimes = _most(self.runtimes, upto(counted.runtimes, RUNTIME_BOUNDS))
        self.waits = _most(self.waits, upto(counted.waits, WAIT_BOUNDS))

    def add(self, other: "Shown") -> None:
        """For two labels that are one to the reader."""
        self.states = _sums(self.states, other.states)
        self.runtime += other.runtime
        self.wait += other.wait
        self.runtimes = _sums(self.runtimes, other.runtimes)
        self.waits = _sums(self.waits, other.waits)


def upto(counts: Counts, bounds: tuple[float, ...]) -> list[int]:
    """How many values lie at or below each bound, and how many there are; right but for one fine bucket."""
    found = [0] * (len(bounds) + 1)
    for number, count in counts.items():
        found[bisect_left(bounds, histogram.middle(number) / MICRO)] += count
    for place in range(1, len(found)):
        found[place] += found[place - 1]
    return found


def write(shown: Shown) -> str:
    return json.dumps(dataclasses.astuple(shown), separators=(",", ":"))


def read(text: str) -> Shown:
    return Shown(*json.loads(text)) if text else Shown()


def write_cell(counted: Cell) -> str:
    """A cell for the column; its exceptions have counters of their own."""
    durations = (histogram.write(counted.runtimes), histogram.write(counted.waits))
    return json.dumps((counted.states, counted.runtime, counted.wait, *durations), separators=(",", ":"))


def read_cell(text: str) -> Cell:
    return cell(json.loads(text)) if text else Cell()


def _most(mine: list[int], other: list[int]) -> list[int]:
    return [max(pair) for pair in zip(mine, other, strict=True)]


def _sums(mine: list[int], other: list[int]) -> list[int]:
    return [sum(pair) for pair in zip(mine, other, strict=True)]
