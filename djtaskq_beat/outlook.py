"""What is to come of one periodic task: its next runs, and whatever keeps them from running."""

import dataclasses
import datetime as dt
import itertools

from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.models import NextRun
from djtaskq_beat.occurrences.clockchanges import crontab_in
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.policies import delay
from djtaskq_beat.queries import slots_after
from djtaskq_beat.rows import Row
from djtaskq_beat.timetable import policy, schedule_of

_TICK = dt.timedelta(microseconds=1)
_DAWN = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The slots to come, each of which runs `jitter` later; or why there are none.

    `unplanned`: beat has yet to look at the last edit. `overdue`: since when the first one should have run.
    While it is paused the slots are those after the pause. `crontab` is the schedule, if it is one.
    """

    slots: tuple[dt.datetime, ...] = ()
    jitter: dt.timedelta = dt.timedelta()
    paused_until: dt.datetime | None = None
    overdue: dt.datetime | None = None
    unplanned: bool = False
    error: str = ""
    crontab: Crontab | None = None


def outlook(row: Row, now: dt.datetime, count: int = 5) -> Outlook:
    """What is to come of a saved periodic task, as beat has planned it; one statement."""
    rules = policy(row)
    paused = rules.paused_until if rules.paused_until is not None and rules.paused_until > now else None
    if not row.enabled:
        return Outlook(paused_until=paused)
    known = NextRun.objects.filter(pk=row.pk).first()
    if known is None or known.changed_at is not None:
        return Outlook(unplanned=True, paused_until=paused)
    if known.error or known.slot is None:
        return Outlook(error=known.error, paused_until=paused)
    begins = known.slot if paused is None else max(known.slot, paused)
    slots, crontab = _planned(row, known, begins, count)
    return Outlook(
        slots=slots,
        jitter=delay(row.pk, rules.jitter),
        paused_until=paused,
        overdue=known.run_at if known.run_at is not None and known.run_at < now else None,
        crontab=crontab,
    )


def first_slots(row: Row, now: dt.datetime, count: int) -> tuple[dt.datetime, ...]:
    """The slots that a row would have if it were saved as it is; raises `Unschedulable`."""
    after = _DAWN if row.clocked_id is not None else now
    following = slots_after(schedule_of(row, now), after)
    return tuple(itertools.islice(following, 1 if row.one_off else count))


def _planned(
    row: Row, known: NextRun, begins: dt.datetime, count: int
) -> tuple[tuple[dt.datetime, ...], Crontab | None]:
    try:
        schedule = schedule_of(row, known.anchor or begins)
    except Unschedulable:  # beat reports it as soon as it has seen the edit
        return (begins,), None
    # What is planned is a slot, even where the schedule was changed since.
    first = (begins,) if begins == known.slot else ()
    others = (slot for slot in slots_after(schedule, begins - _TICK) if slot not in first)
    wanted = 1 if row.one_off else count
    return (*first, *itertools.islice(others, wanted - len(first))), crontab_in(schedule)
