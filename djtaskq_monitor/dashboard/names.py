"""Task names: how all of them do, and what of one of them was slow or failed lately."""

import dataclasses
import datetime as dt
import heapq
from collections.abc import Callable, Sequence
from typing import Any

from celery import states

from djtaskq_monitor.dashboard import totals
from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.dashboard.totals import Total
from djtaskq_monitor.models import TaskState

PAGE = 50
# As many of the newest tasks of a name are looked through for the slowest and for those that failed.
MOST = 2_000
SHOWN = 10

# What the list is sorted by, each from the most on.
SORTS: dict[str, Callable[[Total], Any]] = {
    "volume": lambda total: (-total.received, -total.ended),
    "failed": lambda total: -total.failed,
    "rate": lambda total: (-total.failure_rate, -total.failed),
    "slow": lambda total: -(total.runtime / total.succeeded if total.succeeded else 0),
    "time": lambda total: -total.runtime,
    "name": lambda total: total.name,
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of names, with durations. `found` counts those that match, `pages` what they fill."""

    rows: Sequence[Total]
    found: int
    number: int
    pages: int


def page(span: Span, *, sort: str, term: str, number: int) -> Page:
    """Names that have `term` in them; nine statements at most, however many names there are."""
    wanted = term.casefold()
    known = [
        total for total in totals.by_name(span.since, span.until).values() if wanted in total.name.casefold()
    ]
    order = SORTS[sort]
    known.sort(key=lambda total: (order(total), total.name))
    pages = max(-(-len(known) // PAGE), 1)
    number = min(max(number, 1), pages)
    rows = known[(number - 1) * PAGE : number * PAGE]
    totals.with_histograms(rows, span.since, span.until)
    return Page(rows=rows, found=len(known), number=number, pages=pages)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Lately:
    """Of the newest tasks of a name: the slowest and the last that failed.

    `read` is how many were looked through, `reaches` back to when if there were more.
    """

    slowest: Sequence[TaskState]
    failed: Sequence[TaskState]
    read: int
    reaches: dt.datetime | None


def lately(name: str, span: Span) -> Lately:
    """Two statements: through an index as far as `MOST` tasks, and for those that are shown."""
    rows = TaskState.objects.filter(name=name, first_seen__gte=span.since, first_seen__lt=span.until)
    newest = rows.order_by("-first_seen").values_list("pk", "runtime", "outcome", "first_seen")
    found = list(newest[: MOST + 1])
    read = found[:MOST]
    slow = heapq.nlargest(SHOWN, (row for row in read if row[1] is not None), key=lambda row: row[1] or 0.0)
    failed = [row for row in read if row[2] == states.FAILURE][:SHOWN]
    columns = (
        "task_id",
        "name",
        "state",
        "runtime",
        "worker",
        "exception",
        "first_seen",
        "failed",
        "succeeded",
    )
    shown = TaskState.objects.only("pk", *columns).in_bulk([row[0] for row in (*slow, *failed)])
    return Lately(
        slowest=[shown[row[0]] for row in slow if row[0] in shown],
        failed=[shown[row[0]] for row in failed if row[0] in shown],
        read=len(read),
        reaches=read[-1][3] if len(found) > MOST else None,
    )
