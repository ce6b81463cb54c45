"""Dates, times and spans as people write them. Pure."""

import datetime as dt
import re

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|sec|m|min|h|d|w)?")
_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def seconds(text: str) -> float | None:
    """A span as `5s`, `200ms`, `1.5h`, without a unit in seconds; None for everything else."""
    found = _SPAN.fullmatch(text)
    if found is None or len(found[1]) > 12:  # noqa: PLR2004  longer than any task runs
        return None
    return float(found[1]) * _SECONDS[found[2] or "s"]


def times_of(text: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime] | None:
    """From when to when `text` is: a day is as long as it is, `24h` is the moment that long ago."""
    try:
        span = seconds(text) if text and text[-1].isalpha() and not text.endswith("Z") else None
        if span is not None:
            return now - dt.timedelta(seconds=span), now - dt.timedelta(seconds=span)
        begin = dt.datetime.fromisoformat(text)
        end = begin + _length(text)
        zone = now.tzinfo
        return tuple(each if each.tzinfo else each.replace(tzinfo=zone) for each in (begin, end))  # type: ignore[return-value]
    except (ValueError, OverflowError):
        return None


def moment(text: str, now: dt.datetime) -> dt.datetime | None:
    """A date, a time, or a span before `now`; None for everything else."""
    times = times_of(text.strip(), now)
    return None if times is None else times[0]


def _length(text: str) -> dt.timedelta:
    clock = re.split(r"[T ]", text, maxsplit=1)
    if len(clock) == 1:
        return dt.timedelta(days=1)
    written = re.match(r"[\d:]+(?:\.\d+)?", clock[1])
    digits = written.group() if written else ""
    if "." in digits:
        return dt.timedelta(0)
    if len(digits.replace(":", "")) > 4:  # noqa: PLR2004  hours, minutes and seconds
        return dt.timedelta(seconds=1)
    return dt.timedelta(minutes=1) if len(digits) > 2 else dt.timedelta(hours=1)  # noqa: PLR2004  hours alone
