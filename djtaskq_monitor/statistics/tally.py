"""What was counted, by task name, queue, worker and period."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from djtaskq_monitor.statistics import histogram
from djtaskq_monitor.statistics.histogram import Counts

# What is counted, each by the time that a task's row has for it.
STATES = (
    "sent",
    "received",
    "started",
    "succeeded",
    "failed",
    "retried",
    "revoked",
    "rejected",
    "cancelled",
)


class Label(NamedTuple):
    """Whose tasks; each is empty where it is not known, and `worker` for what clients say."""

    name: str
    queue: str
    worker: str


@dataclasses.dataclass(slots=True)
class Cell:
    """How many reached each of `STATES`; sums of runtimes and waits in microseconds, and their histograms.

    `exceptions` counts those that failed by the name of their exception's class. Only counters keep it.
    """

    states: list[int] = dataclasses.field(default_factory=lambda: [0] * len(STATES))
    runtime: int = 0
    wait: int = 0
    runtimes: Counts = dataclasses.field(default_factory=dict)
    waits: Counts = dataclasses.field(default_factory=dict)
    exceptions: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, other: "Cell") -> None:
        self.states = [mine + more for mine, more in zip(self.states, other.states, strict=True)]
        self.runtime += other.runtime
        self.wait += other.wait
        histogram.add(self.runtimes, other.runtimes)
        histogram.add(self.waits, other.waits)
        for name, count in other.exceptions.items():
            self.exceptions[name] = self.exceptions.get(name, 0) + count

    def __bool__(self) -> bool:
        """Whether anything is left of what was added and taken away."""
        counts = (self.states, *(each.values() for each in (self.runtimes, self.waits, self.exceptions)))
        return any(map(any, counts))


class Cells(dict[int, Cell]):
    """One label's, by the minute; empty ones as they are asked for."""

    def __missing__(self, minute: int) -> Cell:
        found = self[minute] = Cell()
        return found


class Tally:
    """Cells by label and by the minute, in whole minutes since the epoch."""

    def __init__(self) -> None:
        self._cells: dict[Label, Cells] = {}

    def cells(self, label: Label) -> "Cells":
        found = self._cells.get(label)
        if found is None:
            found = self._cells[label] = Cells()
        return found

    def __iter__(self) -> Iterator[tuple[Label, int, Cell]]:
        """The cells that are not empty, each with its label and minute."""
        for label, cells in self._cells.items():
            for minute, cell in cells.items():
                if cell:
                    yield label, minute, cell

    def write(self) -> str:
        """As text, empty if nothing was counted."""
        rows = [
            [
                *label,
                minute,
                cell.states,
                cell.runtime,
                cell.wait,
                histogram.write(cell.runtimes),
                histogram.write(cell.waits),
                *([cell.exceptions] if cell.exceptions else []),
            ]
            for label, minute, cell in self
        ]
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else ""

    def read(self, text: str) -> None:
        """Add what `write` wrote."""
        for name, queue, worker, minute, *figures in json.loads(text):
            self.cells(Label(name, queue, worker))[minute].add(cell(figures))


def cell(figures: Sequence[object]) -> Cell:
    """A cell of what `Tally.write` and the tables hold of it: states, sums, and histograms as text."""
    states, runtime, wait, runtimes, waits, *exceptions = figures
    return Cell(
        list(states),  # type: ignore[call-overload]
        int(runtime),  # type: ignore[call-overload]
        int(wait),  # type: ignore[call-overload]
        histogram.read(str(runtimes)),
        histogram.read(str(waits)),
        dict(*exceptions),
    )
