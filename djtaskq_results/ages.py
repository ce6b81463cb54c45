"""How old something may get, as people write it: seconds, "30 days", a timedelta, or None for ever."""

import datetime as dt
import re

_UNITS = ("second", "minute", "hour", "day", "week")
_WRITTEN = re.compile(rf"\s*(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})s?\s*", re.IGNORECASE)
# Longer than any database's calendar reaches back, and no overflow on the way there.
LONGEST = dt.timedelta(days=36_500)
FORMS = "write seconds (86400), “30 days” (seconds, minutes, hours, days or weeks) or a timedelta"


def age(value: object) -> dt.timedelta | None:
    """The timedelta that `value` means, None for None; raises ValueError that says what is wrong with it."""
    if value is None:
        return None
    try:
        span = _span(value)
    except OverflowError:
        span = dt.timedelta.max
    if span is None:
        raise ValueError(f"{value!r} is no age: {FORMS}, or None to keep for ever.")
    if span <= dt.timedelta(0):
        raise ValueError(f"{value!r} is no age: it must be more than zero. None keeps for ever.")
    if span > LONGEST:
        raise ValueError(f"{value!r} is too long: write None to keep for ever.")
    return span


def spelled(span: dt.timedelta | None) -> str:
    """`30 days`, `1 hour`, `90 seconds`, or `for ever`."""
    if span is None:
        return "for ever"
    seconds = span.total_seconds()
    for unit in reversed(_UNITS):
        number = span / dt.timedelta(**{f"{unit}s": 1})
        if number >= 1 and number.is_integer():
            return f"{int(number):,} {unit}{'' if number == 1 else 's'}"
    return f"{seconds:g} seconds"


def _span(value: object) -> dt.timedelta | None:
    if isinstance(value, dt.timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Neither "not a number" nor infinity is a time.
        return dt.timedelta(seconds=value) if value == value and abs(value) != float("inf") else None  # noqa: PLR0124
    if isinstance(value, str) and (found := _WRITTEN.fullmatch(value)):
        return dt.timedelta(**{f"{found[2].lower()}s": float(found[1])})
    return None
