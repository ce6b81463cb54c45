"""What charts ask for: how many tasks reached each state, and how long they took, over a span of time.

A span is read by the minute, the hour or the day, so that no chart reads more than some hundred points; what
cameras counted in the last seconds is in it. Hours and days are UTC's.
"""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator, Mapping

from djtaskq.conf import conf
from djtaskq.db.among import Among
from djtaskq.db.fields import from_microseconds, to_microseconds
from djtaskq_monitor.statistics import folding, histogram
from djtaskq_monitor.statistics.contributions import MICRO
from djtaskq_monitor.statistics.histogram import Counts
from djtaskq_monitor.statistics.labels import ALL, DIMENSIONS
from djtaskq_monitor.statistics.models import FreshStatistics, Series, TaskStatistics
from djtaskq_monitor.statistics.tally import STATES, Cell, Label, Tally

# How long a span may be read by what; a longer one by the day.
LONGEST = {TaskStatistics.MINUTE: dt.timedelta(hours=6), TaskStatistics.HOUR: dt.timedelta(days=15)}
_KEPT = {TaskStatistics.MINUTE: "MONITOR_STATISTICS_MINUTES", TaskStatistics.HOUR: "MONITOR_STATISTICS_HOURS"}
# More have come than cameras summed up: no camera does so at present.
_MOST_FRESH = 1_000

# Whose, from which microsecond on, and what.
Counted = tuple[Label, int, Cell]


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """What was counted in one period."""

    at: dt.datetime
    cell: Cell

    def __getitem__(self, state: str) -> int:
        """How many tasks reached `state`: one of `tally.STATES`."""
        return max(0, self.cell.states[STATES.index(state)])

    @property
    def mean_runtime(self) -> float | None:
        """Seconds; of tasks that succeeded."""
        return _mean(self.cell.runtime, self.cell.runtimes)

    @property
    def mean_wait(self) -> float | None:
        """Seconds in the queue; of tasks of which it is known."""
        return _mean(self.cell.wait, self.cell.waits)

    def runtimes(self, *percents: float) -> list[float | None]:
        """Percentiles of runtimes in seconds, right within five per cent."""
        return histogram.percentiles(self.cell.runtimes, percents)

    def waits(self, *percents: float) -> list[float | None]:
        """Percentiles of waits in the queue in seconds, right within five per cent."""
        return histogram.percentiles(self.cell.waits, percents)


def series(
    since: dt.datetime,
    until: dt.datetime,
    *,
    by: str | None = None,
    using: str | None = None,
    **only: str,
) -> dict[str, list[Point]]:
    """The points from `since` to `until` at which anything was counted, oldest first.

    `by` is `name`, `queue` or `worker`: a list for each of them. Without it there is one list, of "".
    `name=`, `queue=` and `worker=` count the tasks of these alone.
    """
    resolution = resolution_of(since, until)
    first = to_microseconds(since) // (resolution * MICRO) * resolution * MICRO
    span = first, to_microseconds(until)
    cells: dict[str, dict[int, Cell]] = {}
    counted = itertools.chain(
        _summed(resolution, span, by, only, using), fresh(resolution, span, only, using)
    )
    for label, at, cell in counted:
        shown = "" if by is None else label[DIMENSIONS.index(by)]
        cells.setdefault(shown, {}).setdefault(at, Cell()).add(cell)
    points = {
        shown: [Point(from_microseconds(at), cell) for at, cell in sorted(found.items()) if cell]
        for shown, found in sorted(cells.items())
    }
    return {shown: found for shown, found in points.items() if found}


def summary(
    since: dt.datetime, until: dt.datetime, *, by: str | None = None, using: str | None = None, **only: str
) -> dict[str, Point]:
    """The same, each list as one point."""
    found = {}
    for shown, points in series(since, until, by=by, using=using, **only).items():
        together = Cell()
        for point in points:
            together.add(point.cell)
        found[shown] = Point(since, together)
    return found


def resolution_of(since: dt.datetime, until: dt.datetime) -> int:
    """The seconds of a point: as few as are kept that long and make no more than some hundred points."""
    now = dt.datetime.now(dt.UTC)
    for resolution, longest in LONGEST.items():
        kept: float | None = getattr(conf(), _KEPT[resolution])
        if until - since <= longest and (kept is None or now - since <= dt.timedelta(seconds=kept)):
            return resolution
    return TaskStatistics.DAY


def _summed(
    resolution: int, span: tuple[int, int], by: str | None, only: Mapping[str, str], using: str | None
) -> Iterator[Counted]:
    labels = _labels(by, only, using)
    rows = TaskStatistics.objects.using(using).filter(
        Among("series_id", labels), resolution=resolution, at__gte=span[0], at__lt=span[1]
    )
    for series_id, at, *figures in rows.values_list("series_id", "at", *folding.FIGURES):
        yield labels[series_id], to_microseconds(at), folding.cell(figures)


def _labels(by: str | None, only: Mapping[str, str], using: str | None) -> dict[int, Label]:
    """The series that hold what is asked for, each task once."""
    rows = Series.objects.using(using)
    told = {*only, by} - {None}
    for name in DIMENSIONS:
        if name in only:
            rows = rows.filter(**{name: only[name]})
        elif name in told or len(told) > 1:
            rows = rows.exclude(**{name: ALL})
        else:
            rows = rows.filter(**{name: ALL})
    return {key: Label(*parts) for key, *parts in rows.values_list("pk", *DIMENSIONS)}


def fresh(
    resolution: int, span: tuple[int, int], only: Mapping[str, str], using: str | None
) -> Iterator[Counted]:
    """What is not summed up yet, by whole labels; one statement."""
    tally = Tally()
    for row in FreshStatistics.objects.using(using).order_by("-pk")[:_MOST_FRESH]:
        tally.read(row.body)
    for label, minute, cell in tally:
        at = folding.begins(minute, resolution)
        if span[0] <= at < span[1] and all(label[DIMENSIONS.index(name)] == only[name] for name in only):
            yield label, at, cell


def _mean(total: int, counts: Counts) -> float | None:
    counted = sum(counts.values())
    return total / counted / MICRO if counted > 0 else None
