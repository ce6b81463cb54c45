"""The figures above the charts: what was counted over the whole span."""

import dataclasses
from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from djtaskq_monitor.dashboard.memory import remembered
from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.statistics import charts, histogram
from djtaskq_monitor.statistics.charts import Point
from djtaskq_monitor.statistics.histogram import Counts
from djtaskq_monitor.statistics.tally import Cell

_MINUTE = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """Of a span: counts, rates by the minute, and percentiles in seconds (None where nothing is known)."""

    received: int
    succeeded: int
    failed: int
    retried: int
    minutes: float
    runtimes: list[float | None]
    waits: list[float | None]

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed

    @property
    def throughput(self) -> float:
        """Tasks that ended, by the minute."""
        return self.ended / self.minutes

    @property
    def rate(self) -> tuple[float, str]:
        """The same in the unit that reads best."""
        by_minute = self.throughput
        return (
            (by_minute, _("tasks/min")) if by_minute >= 1 or not by_minute else (60 * by_minute, _("tasks/h"))
        )

    @property
    def failure_rate(self) -> float:
        """From 0 to 1."""
        return self.failed / self.ended if self.ended else 0.0


PERCENTS = (50, 95, 99)


def points_of(span: Span, name: str | None = None) -> list[Point]:
    """What charts draw, of all tasks or of those of one name; worked out once for charts and figures."""
    only = {} if name is None else {"name": name}
    key = "points", span.name or (span.since, span.until), name
    return remembered(key, lambda: charts.series(span.since, span.until, **only).get("", []))


def figures(span: Span, points: Sequence[Point]) -> Figures:
    """The points as one. Its first and last periods are whole ones: rates are by the time that they cover."""
    together = Cell()
    for point in points:
        together.add(point.cell)
    whole = Point(span.since, together)
    step = charts.resolution_of(span.since, span.until)
    until = min(span.until.timestamp(), timezone.now().timestamp())
    covered = until - span.since.timestamp() // step * step
    return Figures(
        received=whole["received"],
        succeeded=whole["succeeded"],
        failed=whole["failed"],
        retried=whole["retried"],
        minutes=max(covered, _MINUTE) / _MINUTE,
        runtimes=whole.runtimes(*PERCENTS),
        waits=whole.waits(*PERCENTS),
    )


def runtimes_of(points: Sequence[Point]) -> Counts:
    """The histogram of all runtimes."""
    counts: Counts = {}
    for point in points:
        histogram.add(counts, point.cell.runtimes)
    return counts
