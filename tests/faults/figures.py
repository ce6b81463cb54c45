"""What a storm came to: a row of the table in docs/faults.md."""

import dataclasses
import itertools
import statistics
from typing import ClassVar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts, and how late runs were published, in seconds.

    `repeats`: messages beyond the first of a slot, all under its id. `uncounted`: runs that
    `total_run_count` lacks.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "scenario",
        "schedules",
        "beats",
        "killed",
        "seconds",
        "runs",
        "repeats",
        "late p50",
        "late p99",
        "late max",
        "uncounted",
    )

    scenario: str = ""
    schedules: int
    beats: int
    killed: int
    seconds: float
    runs: int
    repeats: int
    lateness: list[float]
    uncounted: int

    def row(self):
        percentiles = statistics.quantiles(self.lateness, n=100)
        return (
            self.scenario,
            self.schedules,
            self.beats,
            self.killed,
            f"{self.seconds:.0f}",
            f"{self.runs:,}",
            self.repeats,
            f"{percentiles[49]:.2f}",
            f"{percentiles[98]:.2f}",
            f"{max(self.lateness):.2f}",
            self.uncounted,
        )


def tables(rows):
    """The figures as tables in Markdown, one for each kind of them."""
    kinds = itertools.groupby(sorted(rows, key=lambda row: type(row).COLUMNS), type)
    return "\n\n".join(_table(kind.COLUMNS, figures) for kind, figures in kinds)


def _table(columns, rows):
    lines = [columns, ["---"] * len(columns), *(figures.row() for figures in rows)]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
