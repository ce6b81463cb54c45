"""What workers send, made into values that every database holds; whatever cannot be one is None."""

import datetime as dt
import math
import reprlib
from typing import Any

from djtaskq.db.text import storable

MICRO = 1_000_000
# Celery was first released in 2009; a clock that shows the last century is not set.
EARLIEST = 946_684_800
# A worker's clock may be wrong by its time zone; what lies further ahead is no time at all.
FAR_AHEAD = 86_400
_LARGEST = (1 << 31) - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LATEST_MOMENT = (dt.datetime(3000, 1, 1, tzinfo=dt.UTC) - _EPOCH) // _MICROSECOND


def identifier(value: object, longest: int = 255) -> str | None:
    """An id or a host's name as it is: cut or mended, it would be somebody else's."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or storable(value) != value:
        return None
    return value


def text(value: object, longest: int) -> str | None:
    """Text fit for the database, cut at `longest`; another type's short form."""
    if value is None:
        return None
    if not isinstance(value, str):
        value = reprlib.repr(value)
    return storable(value, longest)


def label(value: object, longest: int = 255) -> str | None:
    """A name, or None where there is none."""
    return storable(value, longest) if isinstance(value, str) and value else None


def instant(value: object, arrived: float) -> int | None:
    """Seconds since the epoch as microseconds; None for what cannot be a time at which an event happened."""
    if type(value) is not float and type(value) is not int:
        return None
    # Comparisons are false for NaN.
    return round(value * MICRO) if EARLIEST <= value <= arrived + FAR_AHEAD else None


def moment(value: object) -> int | None:
    """An ISO 8601 time (`eta`, `expires`) as microseconds; one without a zone is in UTC, as Celery's are.

    Times that lie where no database has trouble: from the epoch to the year 2999.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = dt.datetime.fromisoformat(value)
        found = ((parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found < _LATEST_MOMENT else None


def count(value: object, largest: int = _LARGEST) -> int | None:
    """A whole number from nought to `largest`."""
    return value if type(value) is int and 0 <= value <= largest else None


def number(value: object) -> float | None:
    """A finite number."""
    if type(value) is not float and type(value) is not int:
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def numbers(value: Any, length: int) -> list[float] | None:
    """A list of `length` finite numbers."""
    if not isinstance(value, list | tuple) or len(value) != length:
        return None
    found = [each for each in map(number, value) if each is not None]
    return found if len(found) == length else None
