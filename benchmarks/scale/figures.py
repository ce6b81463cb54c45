"""What was measured, and how it is shown."""

import dataclasses
import statistics
from collections.abc import Sequence

CONFIRMED = "of bare with confirms"
COLUMNS = (
    "schedules",
    "contender",
    "first send after, s",
    "sent",
    "sent/s",
    "late p50, s",
    "late p99, s",
    "MB",
    "of bare",
)
COST_COLUMNS = (
    "schedules",
    "statements of an idle tick",
    "idle tick p50, ms",
    "idle tick p99, ms",
    "one edit is out after, s",
    "slowest of five, s",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one contender at one size, None where it has none.

    `start`: seconds from the start of the process to the first message. `sent` messages went out at `rate` a
    second, so much later than due as `late` says (median, 99th percentile). `memory`: the most that a process
    of it had resident, in MB.
    """

    contender: str
    start: float | None = None
    sent: int | None = None
    rate: float | None = None
    late: tuple[float, float] | None = None
    memory: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What djtaskq pays at one size: seconds of each idle tick, its statements, seconds of each edit."""

    size: int
    ticks: Sequence[float]
    statements: float
    edits: list[float] = dataclasses.field(default_factory=list)


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    return hundredths[49], hundredths[98]


def row(size: int, figures: Figures, *bares: float) -> str:
    """A line under COLUMNS, its rate as a part of each bare one's at the end."""
    rate, late = figures.rate, figures.late
    cells = (
        f"{size:,}",
        figures.contender,
        figures.note or _shown(figures.start, "{:.1f}"),
        _shown(figures.sent, "{:,}"),
        _shown(rate, "{:,.0f}" if rate and rate >= 20 else "{:.1f}"),
        _shown(late and late[0], "{:.2f}"),
        _shown(late and late[1], "{:.2f}"),
        _shown(figures.memory, "{:.0f}"),
        *(
            _shown(rate and rate / bare, "{:.2f}" if rate and rate > bare / 100 else "{:.4f}")
            for bare in bares
        ),
    )
    return _line(cells)


def cost_row(costs: Costs) -> str:
    median, slow = percentiles(costs.ticks)
    cells = (
        f"{costs.size:,}",
        f"{costs.statements:g}",
        f"{median * 1000:.2f}",
        f"{slow * 1000:.2f}",
        f"{statistics.median(costs.edits):.2f}" if costs.edits else "",
        f"{max(costs.edits):.2f}" if costs.edits else "",
    )
    return _line(cells)


def head(columns: Sequence[str]) -> str:
    return f"{_line(columns)}\n{_line(['---' if column == 'contender' else '---:' for column in columns])}"


def _shown(value: float | None, shape: str) -> str:
    return "" if value is None else shape.format(value)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
