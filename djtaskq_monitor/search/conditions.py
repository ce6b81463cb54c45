"""What one word of a query asks for. Pure."""

import datetime as dt
import re

from djtaskq_monitor.search.errors import SearchError
from djtaskq_monitor.search.fields import FIELDS, NUMBERS, QUOTED_TOO, SAME, TIMES
from djtaskq_monitor.search.times import seconds, times_of
from djtaskq_monitor.search.tree import And, Begins, Compared, Pair, Same, Text, Tree
from djtaskq_monitor.search.words import Token

SHORTEST = 3
_COMPARISON = re.compile(r"(>=|<=|>|<|=)?(.*)", re.DOTALL)


def condition_of(token: Token, now: dt.datetime) -> Tree:
    field, value = None, token.value
    name, colon, rest = token.value.partition(":")
    known = FIELDS if f"{name}:" == token.bare[: len(name) + 1] else QUOTED_TOO
    if colon and name.casefold() in known:
        field, value = name.casefold(), rest
    if not value:
        raise SearchError(f"{token.value} takes a value", token.position)
    if field in SAME:
        return Same(field, value)
    if field == "id":
        return Begins(value)
    if field == "kwargs" and "=" in value:
        key, _, wanted = value.partition("=")
        return Pair(key.strip().casefold(), wanted.strip().casefold())
    if field in {*NUMBERS, *TIMES, "since", "until"}:
        return _comparison(str(field), value, token.position, now)
    if len(value.strip()) < SHORTEST:
        raise SearchError(f"A text to look for has {SHORTEST} characters or more", token.position)
    return Text(field, value.casefold())


def _comparison(field: str, value: str, position: int, now: dt.datetime) -> Tree:
    found = _COMPARISON.fullmatch(value)
    sign, text = (found[1] or "", found[2].strip()) if found else ("", "")
    if field == "retries":
        if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004  as the column holds
            raise SearchError("retries: takes a whole number, as in retries:>=2", position)
        return Compared(field, sign or "=", int(text))
    if field == "runtime":
        span = seconds(text)
        if span is None:
            raise SearchError(
                "runtime: takes a time with a unit, as in runtime:>5s or runtime:<200ms", position
            )
        return Compared(field, sign or "=", span)
    times = times_of(text, now)
    if times is None or (sign and field in {"since", "until"}):
        raise SearchError(f"{field}: takes a date, a time, or a span as 90min, 24h or 7d", position)
    return _in_time(field, sign, *times)


def _in_time(field: str, sign: str, begin: dt.datetime, end: dt.datetime) -> Tree:
    """The condition for a point in time (`begin` is `end`) or for the day, minute or second from one on."""
    if field == "since":
        return Compared("seen", ">=", begin)
    if field == "until":
        return Compared("seen", "<", begin)
    if sign in {">=", "<"}:
        return Compared(field, sign, begin)
    if sign in {">", "<="}:
        whole = begin != end
        return Compared(field, (">=" if sign == ">" else "<") if whole else sign, end)
    if begin == end:
        return Compared(field, ">=", begin)
    return And((Compared(field, ">=", begin), Compared(field, "<", end)))
