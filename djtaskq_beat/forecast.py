"""The slots to come of many periodic tasks, as beat has planned them or as it would; for the commands."""

import dataclasses
import datetime as dt
import itertools
import zoneinfo
from collections.abc import Collection, Iterator

from django_celery_beat.models import PeriodicTask

from djtaskq_beat.clocknotes import notes_on
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.models import NextRun
from djtaskq_beat.policies import delay
from djtaskq_beat.rows import Row, read
from djtaskq_beat.spelling import schedule_in_words, zone_of
from djtaskq_beat.times import placed, utc
from djtaskq_beat.timetable import Plan, plan, policy, ran_before

PAGE = 500
_TICK = dt.timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Coming:
    """A slot to come and when it goes out, both in UTC, and what a person should know of it."""

    slot: dt.datetime
    due_at: dt.datetime
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The next slots of one periodic task; without any, `problem` says why."""

    name: str
    schedule: str
    zone: zoneinfo.ZoneInfo
    coming: tuple[Coming, ...] = ()
    problem: str = ""
    note: str = ""


def forecasts(
    pks: Collection[int], *, using: str, now: dt.datetime, count: int, start: dt.datetime | None = None
) -> list[Forecast]:
    """Of each of these, in their order, the first `count` slots from `start` on; two statements.

    A naive `start` is a time on the wall clocks of each schedule's own zone.
    """
    rows = read(using, pks)
    known = NextRun.objects.using(using).in_bulk(list(pks))
    found = [(rows[pk], known.get(pk) or NextRun(periodic_task_id=pk)) for pk in pks if pk in rows]
    return [forecast(row, next_run, now=now, count=count, start=start) for row, next_run in found]


def pages(using: str) -> Iterator[list[int]]:
    """The keys of the enabled periodic tasks, by name, a page at a time."""
    enabled = PeriodicTask._default_manager.using(using).filter(enabled=True).order_by("name")
    last: str | None = None
    while True:
        page = enabled if last is None else enabled.filter(name__gt=last)
        found = list(page.values_list("pk", "name")[:PAGE])
        if not found:
            return
        yield [pk for pk, _ in found]
        last = found[-1][1]


def forecast(
    row: Row, known: NextRun, *, now: dt.datetime, count: int, start: dt.datetime | None = None
) -> Forecast:
    """What is to come of one row; never raises for what the row holds."""
    coming: tuple[Coming, ...] = ()
    problem = ""
    planned = known.planned_from == row.fingerprint
    try:
        if not row.enabled:
            problem = "it is disabled"
        elif ran_before(row, known):
            problem = "it is a one-off and has run"
        else:
            coming = tuple(_coming(row, plan(row, known, now), now, count, start))
            problem = "" if coming else "no slot is left"
    except (Unschedulable, ValueError, TypeError, ArithmeticError) as error:
        problem = str(error) or type(error).__name__
    return Forecast(
        name=row.name,
        schedule=schedule_in_words(row),
        zone=zone_of(row),
        coming=() if planned and known.error else coming,
        problem=problem or (known.error if planned else ""),
        note="" if planned or problem else "beat has yet to plan it",
    )


def _coming(
    row: Row, planned: Plan, now: dt.datetime, count: int, start: dt.datetime | None
) -> Iterator[Coming]:
    rules = policy(row)
    late = delay(row.pk, rules.jitter)
    zone, before = zone_of(row), now
    for slot in itertools.islice(_slots(row, planned, start), count):
        notes = [*notes_on(planned.schedule, zone, slot, before)]
        if late:
            notes.append(f"goes out {late.total_seconds():g} s later (jitter)")
        if rules.paused_until is not None and slot < rules.paused_until:
            notes.append(f"skipped: paused until {utc(rules.paused_until)}")
        yield Coming(slot, slot + late, tuple(notes))
        before = slot


def _slots(row: Row, planned: Plan, start: dt.datetime | None) -> Iterator[dt.datetime]:
    slot = planned.slot
    begin = None if start is None else placed(start, zone_of(row))
    if slot is not None and begin is not None and begin > slot:
        slot = planned.schedule.next_after(begin - _TICK)
    while slot is not None:
        yield slot
        if row.one_off:
            return
        slot = planned.schedule.next_after(slot)
