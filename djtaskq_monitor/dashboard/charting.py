"""What charts draw: series of values on one axis of time, as `charts.js` takes them."""

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from djtaskq_monitor.dashboard import queues
from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.statistics import charts, histogram
from djtaskq_monitor.statistics.charts import Point
from djtaskq_monitor.statistics.models import TaskStatistics

KINDS = ("volume", "runtime", "wait", "queues")
_QUEUES = 5
# Buckets of a runtime's histogram are drawn that many together.
_TOGETHER = 8
_COLOURS = ("running", "ended", "waiting", "good", "warning")

Chart = dict[str, Any]


def volume(span: Span, points: Sequence[Point]) -> Chart:
    step = charts.resolution_of(span.since, span.until)
    each = {
        TaskStatistics.MINUTE: _("tasks/min"),
        TaskStatistics.HOUR: _("tasks/h"),
        TaskStatistics.DAY: _("tasks/d"),
    }[step]
    drawn = (
        ("succeeded", _("succeeded"), "good"),
        ("failed", _("failed"), "bad"),
        ("retried", _("retried"), "warning"),
    )
    return _chart(
        _("Tasks"),
        each,
        _axis(span, step),
        [(label, kind, _values(points, operator.itemgetter(state))) for state, label, kind in drawn],
        nothing=0,
    )


def runtime(span: Span, points: Sequence[Point]) -> Chart:
    return _percentiles(_("Runtime"), span, points, Point.runtimes)


def wait(span: Span, points: Sequence[Point]) -> Chart:
    return _percentiles(_("Wait in the queue"), span, points, Point.waits)


def queue_lengths(span: Span) -> Chart:
    step = charts.resolution_of(span.since, span.until)
    found = queues.lengths(span.since, span.until, step, _QUEUES)
    drawn = [(name, kind, values) for kind, (name, values) in zip(_COLOURS, found.items(), strict=False)]
    return _chart(_("Messages in the longest queues"), "", _axis(span, step), drawn, nothing=None)


def bars(counts: histogram.Counts) -> list[tuple[float, float, int]]:
    """A histogram as few bars: from and to how many seconds, and how many tasks."""
    coarse: histogram.Counts = {}
    for number, count in counts.items():
        coarse[number // _TOGETHER] = coarse.get(number // _TOGETHER, 0) + count
    present = [number for number, count in coarse.items() if count > 0]
    if not present:
        return []
    return [
        (*_ends(number), max(coarse.get(number, 0), 0)) for number in range(min(present), max(present) + 1)
    ]


def _ends(number: int) -> tuple[float, float]:
    first = number * _TOGETHER
    last = min(first + _TOGETHER - 1, len(histogram.ENDS) - 1)
    begins = histogram.ENDS[first - 1] if first else 0
    return begins / 1_000_000, histogram.ENDS[last] / 1_000_000


def _percentiles(
    title: str, span: Span, points: Sequence[Point], of: Callable[..., list[float | None]]
) -> Chart:
    step = charts.resolution_of(span.since, span.until)
    wanted = ((50, "running"), (95, "ended"), (99, "waiting"))
    found = [(_second(point), of(point, *(percent for percent, _kind in wanted))) for point in points]
    drawn = [
        (f"p{percent}", kind, {at: values[number] for at, values in found})
        for number, (percent, kind) in enumerate(wanted)
    ]
    return _chart(title, "s", _axis(span, step), drawn, nothing=None)


def _axis(span: Span, step: int) -> list[int]:
    first = int(span.since.timestamp()) // step * step
    return list(range(first, max(int(span.until.timestamp()), first + 1), step))


def _values(points: Iterable[Point], of: Callable[[Point], float]) -> dict[int, float]:
    return {_second(point): of(point) for point in points}


def _second(point: Point) -> int:
    return int(point.at.astimezone(dt.UTC).timestamp())


def _chart(
    title: str, unit: str, axis: list[int], drawn: Iterable[tuple[str, str, Any]], *, nothing: int | None
) -> Chart:
    return {
        "title": title,
        "unit": unit,
        "x": axis,
        "series": [
            {"label": label, "kind": kind, "values": [found.get(at, nothing) for at in axis]}
            for label, kind, found in drawn
        ],
    }
