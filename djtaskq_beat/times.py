"""Times as people read them, and as they write them on a command line."""

import datetime as dt

from djtaskq_beat.errors import InvalidTime
from djtaskq_beat.occurrences.zones import instant_of

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def spoken(length: dt.timedelta) -> str:
    """The two largest units of a length that is not negative: "3 d 4 h", "2 min", "0 s"."""
    seconds = max(round(length.total_seconds()), 0)
    parts = []
    for unit, size in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def until(instant: dt.datetime, now: dt.datetime) -> str:
    """When `instant` is, seen from `now`: "in 5 min", "due now", "3 h ago"."""
    if abs(instant - now) < dt.timedelta(seconds=1):
        return "due now"
    return f"in {spoken(instant - now)}" if instant > now else f"{spoken(now - instant)} ago"


def utc(instant: dt.datetime) -> str:
    return f"{instant.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def parse(text: str) -> dt.datetime:
    """ISO 8601, with an offset or without one; raises `InvalidTime`."""
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidTime(text=text) from error


def placed(time: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """`time` as an instant in UTC: on the wall clocks of `zone` where it says no offset."""
    try:
        return instant_of(zone, time) if time.tzinfo is None else time.astimezone(dt.UTC)
    except OverflowError as error:
        raise InvalidTime(text=time.isoformat()) from error
