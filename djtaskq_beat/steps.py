"""What one look at a due row comes to, decided before anything is written."""

import dataclasses
import datetime as dt

from djtaskq.db.text import storable
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.instants import aware
from djtaskq_beat.message import Message, message_of
from djtaskq_beat.models import NextRun
from djtaskq_beat.policies import Decision, Missed, Policy, decide, delay
from djtaskq_beat.rows import Row
from djtaskq_beat.timetable import Plan, plan, policy, ran_before

_NOTHING = Decision((), (), None)
_TICK = dt.timedelta(microseconds=1)
# What a row lacked may lie outside of it (a package, a time zone): it is tried again this much later.
_TRY_AGAIN = dt.timedelta(seconds=60)


@dataclasses.dataclass(slots=True)
class Step:
    """One due row: the slots to run and those missed, where it moves on to, and whether it ends.

    Each run goes out `delay` after its slot. `new_error` is why the row was set aside, if it was not for that
    reason already.
    """

    known: NextRun
    row: Row
    policy: Policy = dataclasses.field(default_factory=Policy)
    decision: Decision = _NOTHING
    message: Message | None = None
    delay: dt.timedelta = dt.timedelta()
    ends: bool = False
    new_error: str = ""


def look_at(known: NextRun, row: Row, now: dt.datetime) -> Step:
    """Decide about one row, and move `known` on (in memory). Never raises for what the row holds."""
    before = known.error
    try:
        step = _decided(known, row, now)
        known.error = ""
    except (Unschedulable, ValueError, TypeError, ArithmeticError) as error:
        step = Step(known, row)
        known.slot, known.run_at = None, now + _TRY_AGAIN
        known.error = storable(str(error) or type(error).__name__, 1000)
        if known.error != before:
            step.new_error = known.error
    known.changed_at = None
    known.planned_from = row.fingerprint
    return step


def _decided(known: NextRun, row: Row, now: dt.datetime) -> Step:
    if not row.enabled or ran_before(row, known):
        known.slot = known.run_at = known.held_until = None
        return Step(known, row, ends=row.enabled)
    planned = plan(row, known, now)
    step = Step(known, row, policy(row), message=message_of(row))
    step.delay = delay(row.pk, step.policy.jitter)
    if known.error:
        _mended(step, planned, now)
    if known.held_until is not None:
        planned = _released(step, planned, now)
    if step.policy.paused_until is not None and step.policy.paused_until > now:
        return _held(step, planned, step.policy.paused_until)
    # Jitter is a clock that goes slow for this row alone.
    if planned.slot is not None and planned.slot <= now - step.delay:
        return _due(step, now, planned, planned.slot)
    return _not_due(step, now, planned)


def _due(step: Step, now: dt.datetime, planned: Plan, slot: dt.datetime) -> Step:
    known, row = step.known, step.row
    decision = decide(planned.schedule, slot, now - step.delay, step.policy)
    known.last_slot = max([slot, *decision.run[-1:], *(missed.through for missed in decision.missed)])
    if row.one_off and decision.run:
        decision = dataclasses.replace(decision, run=decision.run[-1:], next_slot=None)
    step.ends = (row.one_off and bool(decision.run)) or (row.clocked_id is not None)
    step.decision = dataclasses.replace(decision, missed=(*step.decision.missed, *decision.missed))
    _move(step, None if step.ends else decision.next_slot, planned.anchor, expires=not step.ends)
    return step


def _not_due(step: Step, now: dt.datetime, planned: Plan) -> Step:
    expires = aware(step.row.expires)
    step.ends = planned.slot is None and expires is not None and expires <= now
    _move(step, planned.slot, planned.anchor, expires=not step.ends)
    return step


def _held(step: Step, planned: Plan, until: dt.datetime) -> Step:
    """While it is paused, the first slot that does not run is kept, to be on record when the pause ends."""
    _move(step, planned.slot, planned.anchor, expires=True)
    if planned.slot is not None:
        step.known.run_at = max(until, planned.slot + step.delay)
        step.known.held_until = until
    return step


def _mended(step: Step, planned: Plan, now: dt.datetime) -> None:
    """It can be scheduled again: the slots that passed meanwhile are on record as missed."""
    known = step.known
    first = planned.schedule.next_after(known.last_slot) if known.last_slot is not None else None
    through = planned.schedule.latest_until(min(now, planned.slot - _TICK) if planned.slot else now)
    if first is not None and through is not None and first <= through:
        known.last_slot = through
        missed = Missed(first, through, f"it was set aside: {known.error}")
        step.decision = Decision((), (missed,), None)


def _released(step: Step, planned: Plan, now: dt.datetime) -> Plan:
    """The pause ends, or another one takes its place: what was held so far is on record as skipped."""
    known = step.known
    until = min(known.held_until or now, now)
    known.held_until = None
    if planned.slot is None or planned.slot >= until:
        return planned
    through = max(planned.schedule.latest_until(until - _TICK) or planned.slot, planned.slot)
    known.last_slot = through
    skipped = Missed(
        planned.slot, through, f"it was paused until {until:%Y-%m-%d %H:%M:%S} UTC", skipped=True
    )
    step.decision = dataclasses.replace(step.decision, missed=(*step.decision.missed, skipped))
    return dataclasses.replace(planned, slot=planned.schedule.next_after(through))


def _move(step: Step, slot: dt.datetime | None, anchor: dt.datetime | None, *, expires: bool) -> None:
    """To the next slot; and after the last one, to the time at which the schedule expires."""
    known = step.known
    known.slot = slot
    known.run_at = slot + step.delay if slot is not None else aware(step.row.expires) if expires else None
    known.anchor = anchor or known.anchor
