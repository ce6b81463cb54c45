"""What one look at a due row comes to, decided before anything is written."""

import dataclasses
import datetime as dt

from djtaskq.db.text import storable
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.instants import aware
from djtaskq_beat.message import Message, message_of
from djtaskq_beat.models import NextRun
from djtaskq_beat.policies import Decision, decide
from djtaskq_beat.rows import Row
from djtaskq_beat.timetable import Plan, plan, policy, ran_before

_NOTHING = Decision((), (), None)


@dataclasses.dataclass(slots=True)
class Step:
    """One due row: the slots to run and those missed, where it moves on to, and whether it ends.

    `new_error` is why it was set aside, if it was not for that reason already.
    """

    known: NextRun
    row: Row
    decision: Decision = _NOTHING
    message: Message | None = None
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
        _move(known, None, None)
        known.error = storable(str(error) or type(error).__name__, 1000)
        if known.error != before:
            step.new_error = known.error
    known.changed_at = None
    known.planned_from = row.fingerprint
    return step


def _decided(known: NextRun, row: Row, now: dt.datetime) -> Step:
    if not row.enabled or ran_before(row, known):
        _move(known, None, None)
        return Step(known, row, ends=row.enabled)
    planned = plan(row, known, now)
    message = message_of(row)
    if planned.slot is not None and planned.slot <= now:
        return _due(known, row, now, planned, message, planned.slot)
    return _not_due(known, row, now, planned)


def _due(
    known: NextRun, row: Row, now: dt.datetime, planned: Plan, message: Message, slot: dt.datetime
) -> Step:
    decision = decide(planned.schedule, slot, now, policy(row))
    known.last_slot = max([slot, *decision.run[-1:], *(missed.through for missed in decision.missed)])
    if row.one_off and decision.run:
        decision = dataclasses.replace(decision, run=decision.run[-1:], next_slot=None)
    ends = (row.one_off and bool(decision.run)) or (row.clocked_id is not None)
    _move(known, None if ends else decision.next_slot, planned.anchor, expires=None if ends else row.expires)
    return Step(known, row, decision, message, ends=ends)


def _not_due(known: NextRun, row: Row, now: dt.datetime, planned: Plan) -> Step:
    expires = aware(row.expires)
    expired = planned.slot is None and expires is not None and expires <= now
    _move(known, planned.slot, planned.anchor, expires=None if expired else expires)
    return Step(known, row, ends=expired)


def _move(
    known: NextRun,
    slot: dt.datetime | None,
    anchor: dt.datetime | None,
    *,
    expires: dt.datetime | None = None,
) -> None:
    """To the next slot; and after the last one, to the time at which the schedule expires."""
    known.slot = slot
    known.run_at = slot or aware(expires)
    known.anchor = anchor or known.anchor
