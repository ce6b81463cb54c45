"""What a change of the clocks does to a slot, for people to be told."""

import dataclasses
import datetime as dt
import enum
import zoneinfo

from djtaskq_beat.occurrences import Occurrences
from djtaskq_beat.occurrences.bounded import Bounded
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.zones import Wall, last_change, offset, wall


@dataclasses.dataclass(frozen=True, slots=True)
class ClockChange:
    """The clocks of a zone are set on `by` at the instant `at`; back, where `by` is negative."""

    at: dt.datetime
    by: dt.timedelta


class Showing(enum.Enum):
    """How often the wall shows the time of an instant."""

    ONCE = "once"
    FIRST = "first"
    AGAIN = "again"


def change_between(zone: zoneinfo.ZoneInfo, earlier: dt.datetime, later: dt.datetime) -> ClockChange | None:
    """The change in (earlier, later] that makes the clocks show another offset at `later`, if one does."""
    by = offset(zone, later) - offset(zone, earlier)
    at = last_change(zone, earlier, later) if by else None
    return None if at is None else ClockChange(at, by)


def showing(zone: zoneinfo.ZoneInfo, instant: dt.datetime) -> Showing:
    local = instant.astimezone(zone)
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return Showing.ONCE
    return Showing.AGAIN if local.fold else Showing.FIRST


def moved_from(crontab: Crontab, slot: dt.datetime, change: ClockChange) -> Wall | None:
    """The wall time that the clocks skipped, where `slot` is the first instant after the gap in its place."""
    if slot != change.at or change.by < dt.timedelta() or crontab.every_hour:
        return None
    after_gap = wall(crontab.zone, slot)
    skipped = next(crontab.fields.walls_from(after_gap - change.by), after_gap)
    return skipped if skipped < after_gap else None


def crontab_in(schedule: Occurrences) -> Crontab | None:
    inner = schedule.occurrences if isinstance(schedule, Bounded) else schedule
    return inner if isinstance(inner, Crontab) else None
