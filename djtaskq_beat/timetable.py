"""From a periodic task's row to its slots: which schedule it is, and which slot is next."""

import dataclasses
import datetime as dt

from djtaskq_beat.errors import NoSchedule, SeveralSchedules
from djtaskq_beat.instants import aware, ran_at
from djtaskq_beat.models import NextRun
from djtaskq_beat.occurrences import Occurrences
from djtaskq_beat.occurrences.bounded import Bounded
from djtaskq_beat.occurrences.clocked import Clocked
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.interval import Interval
from djtaskq_beat.occurrences.solar import Solar
from djtaskq_beat.policies import CatchUp, Overlap, Policy
from djtaskq_beat.rows import Row

_DEFAULT_POLICY = Policy()
KINDS = ("interval", "crontab", "solar", "clocked")


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A periodic task's slots, the next of them, and where its grid begins."""

    schedule: Occurrences
    slot: dt.datetime | None
    anchor: dt.datetime | None


def plan(row: Row, known: NextRun, now: dt.datetime) -> Plan:
    """Which slot of an enabled `row` is next, given what was known of it; raises `Unschedulable`.

    A slot that is planned stands as long as the schedule does. Where the schedule was changed, a slot that
    was due before the change stands too, and the next one is the first after now. A row that is seen for
    the first time goes on from its last run, or from when it was made.
    """
    anchor = _anchor(row, known, now)
    schedule = schedule_of(row, anchor)
    if known.planned_from == row.fingerprint:
        return Plan(schedule, known.slot or _first(row, schedule, known, now), anchor)
    if known.planned_from:
        due_before = known.slot if _was_due(known) else None
        return Plan(schedule, due_before or _first(row, schedule, known, now), anchor)
    return Plan(schedule, _first(row, schedule, known, _begins(row, known, now)), anchor)


def schedule_of(row: Row, anchor: dt.datetime) -> Occurrences:
    """The row's slots between its start time and its expiry; raises a subclass of `Unschedulable`."""
    set_kinds = [kind for kind in KINDS if getattr(row, f"{kind}_id") is not None]
    if not set_kinds:
        raise NoSchedule
    if len(set_kinds) > 1:
        raise SeveralSchedules(kinds=", ".join(set_kinds))
    return Bounded(_unbounded(set_kinds[0], row, anchor), aware(row.start_time), aware(row.expires))


def policy(row: Row) -> Policy:
    """What the row's `RunPolicy` says; the defaults where it has none."""
    if row.run_policy_catch_up is None:
        return _DEFAULT_POLICY
    window, late_after = row.run_policy_catch_up_window, row.run_policy_late_after
    return Policy(
        catch_up=CatchUp(row.run_policy_catch_up),
        limit=row.run_policy_catch_up_limit or 1,
        window=None if window is None else dt.timedelta(seconds=window),
        overlap=Overlap(row.run_policy_overlap or Overlap.ALLOW),
        overlap_limit=dt.timedelta(seconds=row.run_policy_overlap_limit or 1),
        jitter=dt.timedelta(seconds=row.run_policy_jitter or 0),
        paused_until=row.run_policy_paused_until,
        late_after=None if late_after is None else dt.timedelta(seconds=late_after),
    )


def ran_before(row: Row, known: NextRun) -> bool:
    """Whether a one-off has run already, under django-celery-beat's scheduler, and is not yet disabled."""
    return row.one_off and not known.planned_from and row.total_run_count > 0


def _unbounded(kind: str, row: Row, anchor: dt.datetime) -> Occurrences:
    if kind == "interval" and row.interval_every is not None:
        return Interval.every(row.interval_every, row.interval_period or "", anchor)
    if kind == "crontab" and row.crontab_minute is not None:
        return Crontab.parse(
            row.crontab_minute,
            row.crontab_hour or "",
            row.crontab_day_of_month or "",
            row.crontab_month_of_year or "",
            row.crontab_day_of_week or "",
            zone=row.crontab_timezone or "",
        )
    if kind == "solar" and row.solar_latitude is not None and row.solar_longitude is not None:
        return Solar.at(row.solar_event or "", float(row.solar_latitude), float(row.solar_longitude))
    if kind == "clocked" and row.clocked_time is not None:
        return Clocked(aware(row.clocked_time))
    raise NoSchedule  # its row is gone: databases that do not enforce the reference allow that


def _anchor(row: Row, known: NextRun, now: dt.datetime) -> dt.datetime:
    """Where an interval's grid begins: at its start time; else where it was made, or last ran, or changed."""
    if row.start_time is not None:
        return aware(row.start_time)
    if known.planned_from and known.planned_from != row.fingerprint and known.last_slot is not None:
        return known.last_slot
    return known.anchor or _begins(row, known, now)


def _begins(row: Row, known: NextRun, now: dt.datetime) -> dt.datetime:
    """The instant after which a row that is new to us may have slots, by the database's clock if possible."""
    return min(ran_at(row.last_run_at) or known.changed_at or aware(row.date_changed) or now, now)


def _was_due(known: NextRun) -> bool:
    return known.slot is not None and known.changed_at is not None and known.slot <= known.changed_at


def _first(row: Row, schedule: Occurrences, known: NextRun, after: dt.datetime) -> dt.datetime | None:
    if row.clocked_id is None:
        return schedule.next_after(after)
    # A clocked time may lie in the past already when it is entered, and is due then.
    only = schedule.next_after(dt.datetime.min.replace(tzinfo=dt.UTC))
    return None if only == known.last_slot else only
