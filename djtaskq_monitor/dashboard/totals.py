"""What was counted of each task name over a span: sums by the database, histograms of those that are shown.

A span is covered by as few sums as there are: whole days, at their ends hours, at the ends of those minutes.
A week of a name is some thirty rows.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum
from django.utils import timezone

from djtaskq.db.among import Among
from djtaskq.db.fields import to_microseconds
from djtaskq_monitor.statistics import charts, histogram
from djtaskq_monitor.statistics.contributions import MICRO
from djtaskq_monitor.statistics.histogram import Counts
from djtaskq_monitor.statistics.labels import ALL
from djtaskq_monitor.statistics.models import Series, TaskStatistics
from djtaskq_monitor.statistics.tally import Cell

_MINUTE, _HOUR, _DAY = TaskStatistics.MINUTE, TaskStatistics.HOUR, TaskStatistics.DAY
_COARSER = {_MINUTE: _HOUR, _HOUR: _DAY}
_SUMMED = ("received", "started", "succeeded", "failed", "retried", "revoked", "rejected", "runtime")
# Behind everything that was counted.
_NEVER = (1 << 62) // MICRO


class Tile(NamedTuple):
    """Sums of one resolution, from one second since the epoch up to another."""

    resolution: int
    since: int
    until: int


@dataclasses.dataclass(slots=True)
class Total:
    """What was counted of one name. `runtime` is in seconds, of all that succeeded together."""

    name: str
    received: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    revoked: int = 0
    rejected: int = 0
    runtime: float = 0.0
    runtimes: Counts = dataclasses.field(default_factory=dict)
    waits: Counts = dataclasses.field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Those that succeeded and those that failed."""
        return self.succeeded + self.failed

    @property
    def failure_rate(self) -> float:
        """From 0 to 1, of those that ended."""
        return self.failed / self.ended if self.ended else 0.0

    def percentile(self, percent: float) -> float | None:
        """Of runtimes, in seconds; None until `with_histograms` filled them, and where none is known."""
        return histogram.percentiles(self.runtimes, [percent])[0]


def cover(resolution: int, since: int, until: int) -> list[Tile]:
    """The fewest sums that make up the span, `since` and `until` on whole periods of `resolution`."""
    coarser = _COARSER.get(resolution)
    if coarser is None:
        return [Tile(resolution, since, until)] if since < until else []
    first, last = -(-since // coarser) * coarser, until // coarser * coarser
    if first >= last:
        return [Tile(resolution, since, until)] if since < until else []
    ends = [Tile(resolution, since, first), Tile(resolution, last, until)]
    return [*(tile for tile in ends if tile.since < tile.until), *cover(coarser, first, last)]


def tiles(since: dt.datetime, until: dt.datetime) -> list[Tile]:
    """What covers a span, as fine at its ends as charts show it; what has no end yet is taken whole."""
    resolution = charts.resolution_of(since, until)
    begins = to_microseconds(since) // MICRO // resolution * resolution
    ends = -(-to_microseconds(until) // MICRO // resolution) * resolution
    return cover(resolution, begins, ends if until < timezone.now() - dt.timedelta(seconds=_MINUTE) else _END)


# A whole number of days that lies behind everything counted.
_END = _NEVER // _DAY * _DAY


def by_name(since: dt.datetime, until: dt.datetime) -> dict[str, Total]:
    """The totals of every name that was counted in the span, without histograms; five statements at most."""
    names = dict(_series().values_list("pk", "name"))
    found: dict[str, Total] = {}
    for rows in _rows(names, since, until):
        sums = rows.values("series_id").annotate(**{f"all_{name}": Sum(name) for name in _SUMMED})
        for row in sums.values_list("series_id", *(f"all_{name}" for name in _SUMMED)):
            _add(found.setdefault(names[row[0]], Total(names[row[0]])), row[1:])
    for name, cell in _fresh(since, until):
        total = found.setdefault(name, Total(name))
        _add(total, [*cell.states[1:8], cell.runtime])
        histogram.add(total.runtimes, cell.runtimes)
        histogram.add(total.waits, cell.waits)
    return {name: total for name, total in found.items() if any(_counts(total))}


def with_histograms(totals: Sequence[Total], since: dt.datetime, until: dt.datetime) -> None:
    """Fill in the durations of these; four statements at most."""
    wanted = {total.name: total for total in totals}
    names = dict(_series().filter(name__in=wanted).values_list("pk", "name"))
    for rows in _rows(names, since, until):
        for key, runtimes, waits in rows.values_list("series_id", "runtimes", "waits"):
            total = wanted[names[key]]
            histogram.add(total.runtimes, histogram.read(runtimes))
            histogram.add(total.waits, histogram.read(waits))


def _series() -> QuerySet[Series]:
    return Series.objects.filter(queue=ALL, worker=ALL).exclude(name=ALL)


def _rows(
    names: Mapping[int, str], since: dt.datetime, until: dt.datetime
) -> Iterator[QuerySet[TaskStatistics]]:
    """One query for each tile: an index finds the rows of each series in a range of time."""
    if not names:
        return
    for tile in tiles(since, until):
        yield TaskStatistics.objects.filter(
            Among("series_id", names),
            resolution=tile.resolution,
            at__gte=tile.since * MICRO,
            at__lt=tile.until * MICRO,
        ).order_by()


def _fresh(since: dt.datetime, until: dt.datetime) -> Iterator[tuple[str, Cell]]:
    resolution = charts.resolution_of(since, until)
    first = to_microseconds(since) // (resolution * MICRO) * resolution * MICRO
    for label, _at, cell in charts.fresh(resolution, (first, to_microseconds(until)), {}, None):
        yield label.name, cell


def _add(total: Total, figures: Iterable[Any]) -> None:
    *states, runtime = (int(figure or 0) for figure in figures)
    for name, figure in zip(_SUMMED, states, strict=False):
        setattr(total, name, getattr(total, name) + figure)
    total.runtime += runtime / MICRO


def _counts(total: Total) -> tuple[int, ...]:
    return tuple(getattr(total, name) for name in _SUMMED[:-1])
