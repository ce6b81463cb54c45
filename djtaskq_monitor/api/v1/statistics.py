"""What was counted: of each task name over a span, and over time."""

import datetime as dt
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query
from pydantic import BaseModel

from djtaskq_monitor.api.tasks import VIEW
from djtaskq_monitor.api.v1 import cursors
from djtaskq_monitor.api.v1.described import operation
from djtaskq_monitor.api.v1.given import Cursor, Limit, Name, Since, Until
from djtaskq_monitor.dashboard import totals
from djtaskq_monitor.dashboard.spans import LONGEST
from djtaskq_monitor.statistics import charts, histogram
from djtaskq_monitor.statistics.charts import Point
from djtaskq_monitor.statistics.histogram import Counts
from djtaskq_monitor.statistics.tally import STATES

_USUAL = dt.timedelta(hours=1)
_SHORTEST = dt.timedelta(minutes=1)
_PERCENTS = (50, 95, 99)
_SUMS = ("received", "started", "succeeded", "failed", "retried", "revoked", "rejected", "failure_rate")
_Of = Annotated[Name | None, Query(None, description="Of these tasks alone.")]


class Durations(BaseModel):
    """Percentiles in seconds, right within five per cent; null where nothing was counted."""

    p50: float | None
    p95: float | None
    p99: float | None


class TaskName(BaseModel):
    """What was counted of a task name; `failure_rate` is of those that ended, from 0 to 1."""

    name: str
    received: int
    started: int
    succeeded: int
    failed: int
    retried: int
    revoked: int
    rejected: int
    failure_rate: float
    runtime: Durations
    wait: Durations


class Names(BaseModel):
    since: dt.datetime
    until: dt.datetime
    names: list[TaskName]
    next: str | None


class StatisticsPoint(BaseModel):
    """How many tasks reached each state in the period from `at` on."""

    at: dt.datetime
    sent: int
    received: int
    started: int
    succeeded: int
    failed: int
    retried: int
    revoked: int
    rejected: int
    cancelled: int
    runtime: Durations
    wait: Durations


class Statistics(BaseModel):
    """Points of `resolution` seconds each, oldest first; those in which nothing was counted are left out."""

    since: dt.datetime
    until: dt.datetime
    resolution: int
    points: list[StatisticsPoint]


@operation("GET", "/names", VIEW, Names)
def names(request: HttpRequest, since: Since, until: Until, cursor: Cursor, limit: Limit) -> dict[str, Any]:  # noqa: ARG001  ninja's signature
    """Task names with what was counted of each over a span, by name."""
    begin, end = _span(since, until)
    place = cursors.read(cursor, "names", str)
    known = sorted(totals.by_name(begin, end).values(), key=lambda total: total.name)
    behind = [total for total in known if place is None or total.name > place[0]]
    rows = behind[:limit]
    totals.with_histograms(rows, begin, end)
    return {
        "since": begin,
        "until": end,
        "names": [
            {
                "name": row.name,
                "runtime": _durations(row.runtimes),
                "wait": _durations(row.waits),
                **{name: getattr(row, name) for name in _SUMS},
            }
            for row in rows
        ],
        "next": cursors.write("names", rows[-1].name) if len(behind) > limit else None,
    }


@operation("GET", "/statistics", VIEW, Statistics)
def statistics(
    request: HttpRequest,  # noqa: ARG001  ninja's signature
    name: _Of,
    queue: _Of,
    worker: _Of,
    since: Since,
    until: Until,
) -> dict[str, Any]:
    """What was counted over time: by the minute, the hour or the day, some hundred points."""
    begin, end = _span(since, until)
    only = {"name": name, "queue": queue, "worker": worker}
    found = charts.series(begin, end, **{key: value for key, value in only.items() if value is not None})
    return {
        "since": begin,
        "until": end,
        "resolution": charts.resolution_of(begin, end),
        "points": [_point(point) for point in found.get("", [])],
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "at": point.at,
        **{state: point[state] for state in STATES},
        "runtime": _durations(point.cell.runtimes),
        "wait": _durations(point.cell.waits),
    }


def _durations(counts: Counts) -> dict[str, float | None]:
    found = histogram.percentiles(counts, _PERCENTS)
    return {f"p{percent}": value for percent, value in zip(_PERCENTS, found, strict=True)}


def _span(since: dt.datetime | None, until: dt.datetime | None) -> tuple[dt.datetime, dt.datetime]:
    """A span that was, a minute long at least and not longer than charts go; cut where it is neither."""
    now = timezone.now()
    end = min(until or now, now)
    begin = end - _USUAL if since is None else since
    return min(max(begin, end - LONGEST), end - _SHORTEST), end
