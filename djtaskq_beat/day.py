"""What is due over the next 24 hours, minute by minute, for any number of schedules at a bounded cost.

Schedules that share their rows of a schedule and the minute of their next slot share their slots too: they
are grouped in SQL, and each group is expanded once. What is beyond the bounds is counted and said.
"""

import dataclasses
import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import BigIntegerField, Case, Count, F, Min, QuerySet, Value, When
from django.db.models.functions import Cast, Mod

from djtaskq.db.fields import from_microseconds
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.models import NextRun
from djtaskq_beat.occurrences.bounded import Bounded
from djtaskq_beat.occurrences.window import MINUTE, by_minute
from djtaskq_beat.rows import Row, read
from djtaskq_beat.timetable import KINDS, schedule_of

MOST_ROWS = 100_000
MOST_GROUPS = 5_000
SECONDS = 0.4
MOST_NAMES = 100
_CHUNK = 500
_MINUTES = 24 * 60
_SHARED = (*(f"periodic_task__{kind}_id" for kind in KINDS), "periodic_task__one_off")
_MICROSECONDS = 60_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The 24 hours from now on; `counts` has the runs of each minute by its number, beginning at `start`.

    `start` is the beginning of the hour that is going on, and `minutes` are there from it to the end.

    `scheduled` schedules are due in it. `left_out` of them are in no count, for want of time; nor is anything
    that is first due after `complete_until`, if that is set. `due` are the keys and names of up to 100
    periodic tasks of the minute that was asked for.
    """

    start: dt.datetime
    minutes: int
    counts: Counter[int]
    scheduled: int
    left_out: int = 0
    complete_until: dt.datetime | None = None
    due: Sequence[tuple[int, str]] = ()

    def minute(self, number: int) -> dt.datetime:
        return self.start + number * MINUTE

    def by_hour(self) -> list[int]:
        totals = [0] * -(-self.minutes // 60)
        for minute, count in self.counts.items():
            totals[minute // 60] += count
        return totals


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Periodic tasks with the same slots; `key` finds them again, `pk` is one of them."""

    pk: int
    size: int
    first: dt.datetime
    key: dict[str, Any]


def day(using: str, now: dt.datetime, start: dt.datetime, asked: dt.datetime | None = None) -> Day:
    """The day from `start` on, the beginning of the hour of `now`, and what is due in the minute `asked`.

    Three statements, one more for each 500 groups, and some for the names.
    """
    minutes = (now - start) // MINUTE + _MINUTES
    end = start + minutes * MINUTE
    coming, complete_until = _coming(using, end)
    scheduled = coming.count()
    counts: Counter[int] = Counter()
    expanded, due = 0, []
    number = None if asked is None else (asked - start) // MINUTE
    for group, slots in _expanded(using, _groups(coming, end), now, start, minutes):
        expanded += group.size
        for minute, count in slots.items():
            counts[minute] += count * group.size
        if number is not None and number in slots:
            due.append(group)
    return Day(
        start=start,
        minutes=minutes,
        counts=counts,
        scheduled=scheduled,
        left_out=scheduled - expanded,
        complete_until=complete_until,
        due=_names(coming, due),
    )


def _names(coming: QuerySet[NextRun], groups: Sequence[Group]) -> list[tuple[int, str]]:
    found: dict[int, str] = {}
    for group in groups:
        named = coming.filter(**group.key).values_list("pk", "periodic_task__name")
        found.update(named[: MOST_NAMES - len(found)])
        if len(found) >= MOST_NAMES:
            break
    return sorted(found.items(), key=lambda task: task[1])


def _coming(using: str, end: dt.datetime) -> tuple[QuerySet[NextRun], dt.datetime | None]:
    """The rows with a slot before `end`, at most as many as are bearable: those that are due first."""
    until = NextRun.objects.using(using).filter(run_at__lt=end)
    cut = until.order_by("run_at").values_list("run_at", flat=True)[MOST_ROWS : MOST_ROWS + 1].first()
    rows = until.filter(slot__isnull=False, changed_at__isnull=True)
    return (rows, None) if cut is None else (rows.filter(run_at__lt=cut), cut)


def _groups(coming: QuerySet[NextRun], end: dt.datetime) -> list[Group]:
    """The largest groups; one statement."""
    slot = Cast("slot", BigIntegerField())
    expiring = Case(When(periodic_task__expires__lt=end, then=F("periodic_task__expires")), default=None)
    keyed = coming.annotate(
        minute=slot - Mod(slot, Value(_MICROSECONDS), output_field=BigIntegerField()), expiring=expiring
    )
    names = (*_SHARED, "held_until", "minute", "expiring")
    grouped = keyed.order_by().values(*names).annotate(size=Count("pk"), first=Min("slot"), one=Min("pk"))
    return [_group(values) for values in grouped.order_by("-size", "one")[:MOST_GROUPS]]


def _group(values: dict[str, Any]) -> Group:
    key = {
        (f"{name}__isnull" if values[name] is None else name): True if values[name] is None else values[name]
        for name in (*_SHARED, "held_until")
    }
    minute = from_microseconds(values["minute"])
    key |= {"slot__gte": minute, "slot__lt": minute + MINUTE}
    if values["expiring"] is not None:
        key["periodic_task__expires"] = values["expiring"]
    return Group(values["one"], values["size"], values["first"], key)


def _expanded(
    using: str, groups: Sequence[Group], now: dt.datetime, start: dt.datetime, minutes: int
) -> Iterator[tuple[Group, Counter[int]]]:
    """Each group with its slots by the minute's number, until the time is spent."""
    deadline = time.monotonic() + SECONDS
    for begin in range(0, len(groups), _CHUNK):
        chunk = groups[begin : begin + _CHUNK]
        rows = read(using, [group.pk for group in chunk])
        for group in chunk:
            if time.monotonic() > deadline:
                return
            if group.pk in rows:
                yield group, _slots(group, rows[group.pk], now, start, minutes)


def _slots(group: Group, row: Row, now: dt.datetime, start: dt.datetime, minutes: int) -> Counter[int]:
    if row.one_off or row.clocked_id is not None:
        return Counter([max(group.first - start, dt.timedelta()) // MINUTE])
    try:
        schedule = schedule_of(row, group.first)
    except Unschedulable:  # beat reports it as soon as it has looked at it
        return Counter()
    begins = max(group.first, now, row.run_policy_paused_until or now)
    return by_minute(Bounded(schedule, begins, None), start, minutes)
