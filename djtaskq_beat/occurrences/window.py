"""All slots of a schedule within a window of time, in far less than one search for each."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from djtaskq_beat.occurrences import Occurrences
from djtaskq_beat.occurrences.bounded import Bounded
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.interval import Interval
from djtaskq_beat.occurrences.zones import first_change, offset, wall

MINUTE = dt.timedelta(minutes=1)
_DAY = dt.timedelta(days=1)
_TICK = dt.timedelta(microseconds=1)


def slots_within(schedule: Occurrences, start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    """The slots that are not before `start` and are before `end`, in order."""
    schedule, start, end = _unbounded(schedule, start, end)
    if isinstance(schedule, Crontab) and first_change(schedule.zone, start - _DAY, end + _DAY) is None:
        yield from _without_change(schedule, start, end)
        return
    slot = schedule.next_after(start - _TICK)
    while slot is not None and slot < end:
        yield slot
        slot = schedule.next_after(slot)


def by_minute(schedule: Occurrences, start: dt.datetime, minutes: int) -> Counter[int]:
    """How many slots fall into each of the `minutes` from `start` on, by the minute's number.

    Intervals shorter than a minute are counted by arithmetic: a hundred slots a second cost no more.
    """
    end = start + minutes * MINUTE
    inner, first, last = _unbounded(schedule, start, end)
    if not isinstance(inner, Interval) or inner.period >= MINUTE:
        return Counter((slot - start) // MINUTE for slot in slots_within(inner, first, last))
    passed = [_passed(inner, min(max(start + n * MINUTE, first), last)) for n in range(minutes + 1)]
    counts = {n: passed[n + 1] - passed[n] for n in range(minutes)}
    return Counter({n: count for n, count in counts.items() if count})


def _passed(interval: Interval, instant: dt.datetime) -> int:
    """How many slots there are before `instant`."""
    return max(0, -((interval.anchor - instant) // interval.period))


def _unbounded(
    schedule: Occurrences, start: dt.datetime, end: dt.datetime
) -> tuple[Occurrences, dt.datetime, dt.datetime]:
    """The schedule without its bounds, and the window that they leave of it."""
    while isinstance(schedule, Bounded):
        start = start if schedule.start is None else max(start, schedule.start)
        end = end if schedule.end is None else min(end, schedule.end)
        schedule = schedule.occurrences
    return schedule, start, end


def _without_change(crontab: Crontab, start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    """Where no clock is set, wall time is a plain shift of UTC."""
    ahead = offset(crontab.zone, start)
    for time in crontab.fields.walls_from(wall(crontab.zone, start)):
        slot = time.replace(tzinfo=dt.UTC) - ahead
        if slot >= end:
            return
        yield slot
