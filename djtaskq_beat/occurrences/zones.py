"""Wall clocks and instants: what a zone's transitions do to them."""

import datetime as dt
import functools
import zoneinfo

from djtaskq_beat.errors import UnknownZone

Wall = dt.datetime
"""A naive datetime: what a clock on the wall shows."""

_SECOND = dt.timedelta(seconds=1)
# No zone has changed its clocks twice within a day since 1970.
_STRIDE = dt.timedelta(days=1)


@functools.cache
def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """The zone `name`; raises `UnknownZone` where this machine's tz database has none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(zone=name) from error


def offset(zone: dt.tzinfo, instant: dt.datetime) -> dt.timedelta:
    """What the zone's wall clocks are ahead of UTC at `instant`."""
    return instant.astimezone(zone).utcoffset() or dt.timedelta()


def wall(zone: dt.tzinfo, instant: dt.datetime) -> Wall:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of(zone: dt.tzinfo, time: Wall) -> dt.datetime:
    """The instant at which the wall shows `time`.

    The first one where clocks are set back and show it twice; the first instant after the gap where they are
    set forward and never show it. Never decreasing: a later wall time is never an earlier instant.
    """
    instant = time.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if wall(zone, instant) == time:
        return instant
    before_gap = time.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    return _change(zone, before_gap, instant)


def first_change(zone: dt.tzinfo, after: dt.datetime, until: dt.datetime) -> dt.datetime | None:
    """The first instant in (after, until] at which the zone's offset is a new one."""
    start = after
    while start < until:
        end = min(until, start + _STRIDE)
        if offset(zone, start) != offset(zone, end):
            return _change(zone, start, end)
        start = end
    return None


def last_change(zone: dt.tzinfo, after: dt.datetime, until: dt.datetime) -> dt.datetime | None:
    """The last instant in (after, until] at which the zone's offset is a new one."""
    end = until
    while end > after:
        start = max(after, end - _STRIDE)
        if offset(zone, start) != offset(zone, end):
            return _change(zone, start, end)
        end = start
    return None


def _change(zone: dt.tzinfo, before: dt.datetime, after: dt.datetime) -> dt.datetime:
    """The instant in (before, after] at which the offset changes; changes fall on whole seconds."""
    old = offset(zone, before)
    low = before.replace(microsecond=0)
    high = low + -(-(after - low) // _SECOND) * _SECOND
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if offset(zone, middle) == old:
            low = middle
        else:
            high = middle
    return high
