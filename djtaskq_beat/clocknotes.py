"""What a person should know of a slot's wall time: that clocks change before it, or show it twice."""

import datetime as dt
import zoneinfo
from collections.abc import Iterator

from djtaskq_beat.occurrences import Occurrences
from djtaskq_beat.occurrences.clockchanges import (
    ClockChange,
    Showing,
    change_between,
    crontab_in,
    moved_from,
    showing,
)
from djtaskq_beat.times import spoken


def notes_on(
    schedule: Occurrences, zone: zoneinfo.ZoneInfo, slot: dt.datetime, before: dt.datetime
) -> Iterator[str]:
    """One or two half-sentences on `slot`, the first slot after `before`; none on an ordinary day."""
    change = change_between(zone, before, slot) if before < slot else None
    if change is not None:
        yield _changed(schedule, slot, change)
    times = {Showing.FIRST: "first", Showing.AGAIN: "second"}
    if (shown := times.get(showing(zone, slot))) is not None:
        yield f"clocks show this time twice, this is the {shown}"


def _changed(schedule: Occurrences, slot: dt.datetime, change: ClockChange) -> str:
    forward = change.by > dt.timedelta()
    how = f"clocks go {'forward' if forward else 'back'} by {spoken(abs(change.by))}"
    crontab = crontab_in(schedule)
    skipped = None if crontab is None else moved_from(crontab, slot, change)
    return f"{how} before this slot" if skipped is None else f"{how}: there is no {skipped:%H:%M} on this day"
