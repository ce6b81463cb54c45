"""Slots of the past that have no run, given one: recorded as claimed, for any beat to publish.

Nothing is sent from here, so nothing is lost where no broker is. The unique key on the slot makes a repeat
do nothing.
"""

import dataclasses
import datetime as dt
import heapq
import itertools
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from djtaskq.conf import conf
from djtaskq.db.claims import writing
from djtaskq.db.clock import now as database_now
from djtaskq.db.text import storable
from djtaskq_beat.errors import ChangedMeanwhile, NotBackfillable
from djtaskq_beat.instants import aware
from djtaskq_beat.message import message_of, task_id_of
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.occurrences import Occurrences
from djtaskq_beat.occurrences.interval import Interval
from djtaskq_beat.occurrences.window import slots_within
from djtaskq_beat.policies import Overlap
from djtaskq_beat.rows import Row
from djtaskq_beat.times import utc
from djtaskq_beat.timetable import plan, policy, schedule_of

BATCH = 500
_TICK = dt.timedelta(microseconds=1)
_GIVEN_UP = (TaskRun.State.MISSED, TaskRun.State.SKIPPED)


@dataclasses.dataclass(slots=True)
class Backfill:
    """What there is to do for one schedule between two instants.

    `fresh` are slots that have no record, `again` those of `given_up`: records of slots that were missed or
    skipped, of which one may stand for many slots. `ran` have a run, `left_given_up` are left as they are.
    Slots from `ours_until` on are beat's own to decide about.
    """

    row: Row
    schedule: Occurrences
    start: dt.datetime
    end: dt.datetime
    ours_until: dt.datetime
    fresh: list[dt.datetime] = dataclasses.field(default_factory=list)
    again: list[dt.datetime] = dataclasses.field(default_factory=list)
    given_up: list[TaskRun] = dataclasses.field(default_factory=list)
    ran: int = 0
    left_given_up: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def slots(self) -> list[dt.datetime]:
        return sorted([*self.fresh, *self.again])


def planned(
    row: Row, start: dt.datetime, end: dt.datetime, *, using: str, missed: bool = False, limit: int
) -> Backfill:
    """Which slots in [start, end) are to run; raises `NotBackfillable` or `Unschedulable`.

    `missed`: those on record as missed or skipped, too. No more than `limit` of them.
    """
    now = database_now(using)
    if end > now:
        raise NotBackfillable(name=row.name, reason=f"{utc(end)} is in the future: it is now {utc(now)}.")
    if start >= end:
        raise NotBackfillable(name=row.name, reason=f"{utc(start)} is not before {utc(end)}.")
    expires = aware(row.expires)
    if expires is not None and expires <= now:
        reason = f"its messages expired at {utc(expires)}. Remove “expires”, or move it into the future."
        raise NotBackfillable(name=row.name, reason=reason)
    message_of(row)
    found = _begun(row, start, end, now, using)
    _sort_out(found, _records(found, using), missed=missed, limit=limit)
    _note(found, now)
    return found


def carry_out(
    found: Backfill, using: str, *, spread: dt.timedelta, advance: Callable[[int], object] = lambda _: None
) -> int:
    """Record the runs, all of them or none; returns how many, without those that were recorded meanwhile."""
    now = database_now(using)
    by = storable(f"backfill:{socket.gethostname()}:{os.getpid()}", 255)
    slots = found.slots
    pause = spread / max(len(slots), 1)
    # A microsecond at least, so that they go out in order.
    retry_at = {slot: now + number * max(pause, _TICK) for number, slot in enumerate(slots)}
    made = {slot: _run(found.row, slot, now, by, retry_at[slot]) for slot in slots}
    with writing(using):
        taken, pieces = _given_back(found, made, using)
        records = [*pieces, *(made[slot] for slot in slots if slot not in taken)]
        for batch in _batched(records):
            TaskRun.objects.using(using).bulk_create(batch, ignore_conflicts=True)
            advance(len(batch))
        runs = TaskRun.objects.using(using).filter(
            periodic_task=found.row.pk, slot__gte=found.start, slot__lt=found.end
        )
        return runs.filter(claimed_at=now, claimed_by=by, state=TaskRun.State.CLAIMED).count()


def _begun(row: Row, start: dt.datetime, end: dt.datetime, now: dt.datetime, using: str) -> Backfill:
    known = NextRun.objects.using(using).filter(pk=row.pk).first() or NextRun(periodic_task_id=row.pk)
    anchor = plan(row, known, now).anchor or now
    schedule = schedule_of(row, _before(row, anchor, start))
    # What is due and was not looked at yet is claimed by the catch-up policy, with its own record of it.
    waiting = known.slot if row.enabled and known.slot is not None else now
    return Backfill(row, schedule, start, end, ours_until=min(waiting, end))


def _before(row: Row, anchor: dt.datetime, start: dt.datetime) -> dt.datetime:
    """Where the same grid could have begun: not after `start`, unless its start time says when it did."""
    if row.interval_every is None or row.start_time is not None or anchor <= start:
        return anchor
    period = Interval.every(row.interval_every, row.interval_period or "", anchor).period
    return anchor - -(-(anchor - start) // period) * period


def _records(found: Backfill, using: str) -> list[TaskRun]:
    """What is on record of the window, with records that began before it and reach into it."""
    runs = TaskRun.objects.using(using).filter(periodic_task=found.row.pk, slot__lt=found.end)
    inside = runs.filter(slot__gte=found.start)
    reaching = runs.filter(slot__lt=found.start, through__gte=found.start)
    return [*reaching.order_by("slot"), *inside.order_by("slot")]


def _sort_out(found: Backfill, records: Sequence[TaskRun], *, missed: bool, limit: int) -> None:
    ran = {record.slot for record in records if record.state not in _GIVEN_UP}
    found.given_up = [record for record in records if record.state in _GIVEN_UP]
    own = {record.slot for record in found.given_up if record.slot >= found.start}
    grid = slots_within(found.schedule, found.start, found.ours_until)
    # The first slot of a record counts, even if the schedule has changed since.
    for slot in _merged(grid, sorted(own)):
        if slot in ran:
            found.ran += 1
        elif not any(_stands_for(record, slot) for record in found.given_up):
            found.fresh.append(slot)
        elif missed:
            found.again.append(slot)
        else:
            found.left_given_up += 1
        if len(found.fresh) + len(found.again) > limit:
            reason = f"more than {limit:,} slots are to run. Take a shorter time, or raise --limit."
            raise NotBackfillable(name=found.row.name, reason=reason)


def _stands_for(record: TaskRun, slot: dt.datetime) -> bool:
    return record.slot <= slot <= (record.through or record.slot)


def _merged(grid: Iterator[dt.datetime], others: Sequence[dt.datetime]) -> Iterator[dt.datetime]:
    for slot, _ in itertools.groupby(heapq.merge(grid, others)):
        yield slot


def _note(found: Backfill, now: dt.datetime) -> None:
    if found.ours_until < found.end:
        found.notes.append(
            f"Slots from {utc(found.ours_until)} on are left to beat, which has yet to look at them."
        )
    kept = conf().BEAT_RUNS_EXPIRE
    if kept is not None and found.start < now - dt.timedelta(seconds=kept):
        found.notes.append(
            f"Runs before {utc(now - dt.timedelta(seconds=kept))} are no longer on record: what ran then "
            "would run again."
        )
    if policy(found.row).overlap is not Overlap.ALLOW and len(found.slots) > 1:
        found.notes.append(
            "Its policy lets no runs overlap, and these do not wait for one another: see --spread."
        )


def _given_back(
    found: Backfill, made: Mapping[dt.datetime, TaskRun], using: str
) -> tuple[set[dt.datetime], list[TaskRun]]:
    """Take the slots that run again out of the records that stood for them.

    Returns the slots whose record became their run, and records for what is left after the last of them:
    each slot is on record after it as it was before. Raises `ChangedMeanwhile`.
    """
    taken: set[dt.datetime] = set()
    pieces: list[TaskRun] = []
    for record in found.given_up:
        if not any(_stands_for(record, slot) for slot in found.again):
            continue
        if record.slot < found.start:
            _replace(record, using, through=_last_before(found, record))
        else:
            _replace(record, using, **_as_run(made[record.slot]))
            taken.add(record.slot)
        if record.through is not None and record.through >= found.ours_until:
            pieces.append(_rest(found, record, record.through))
    return taken, pieces


def _replace(record: TaskRun, using: str, **columns: Any) -> None:
    unchanged = TaskRun.objects.using(using).filter(
        pk=record.pk, state=record.state, slot=record.slot, through=record.through
    )
    if not unchanged.update(**columns):
        raise ChangedMeanwhile


def _as_run(run: TaskRun) -> dict[str, Any]:
    """What makes a record that was given up that of a run."""
    names = ("trigger", "state", "task_id", "claimed_at", "claimed_by", "retry_at", "due_at")
    return {"through": None, "reason": "", **{name: getattr(run, name) for name in names}}


def _last_before(found: Backfill, record: TaskRun) -> dt.datetime | None:
    before = found.schedule.latest_until(found.start - _TICK)
    return before if before is not None and before > record.slot else None


def _rest(found: Backfill, record: TaskRun, through: dt.datetime) -> TaskRun:
    first = found.schedule.next_after(found.ours_until - _TICK)
    slot = through if first is None else min(first, through)
    return TaskRun(
        periodic_task_id=record.periodic_task_id,
        name=record.name,
        slot=slot,
        through=through if through > slot else None,
        trigger=record.trigger,
        state=record.state,
        reason=record.reason,
        claimed_at=record.claimed_at,
        claimed_by=record.claimed_by,
    )


def _batched(records: Sequence[TaskRun]) -> Iterator[Sequence[TaskRun]]:
    return (records[start : start + BATCH] for start in range(0, len(records), BATCH))


def _run(row: Row, slot: dt.datetime, now: dt.datetime, by: str, retry_at: dt.datetime) -> TaskRun:
    return TaskRun(
        periodic_task_id=row.pk,
        name=row.name,
        slot=slot,
        trigger=TaskRun.Trigger.BACKFILL,
        state=TaskRun.State.CLAIMED,
        task_id=task_id_of(row.pk, slot),
        claimed_at=now,
        claimed_by=by,
        retry_at=retry_at,
        # It is late if it is published late, not since its slot is long past.
        due_at=retry_at,
    )
