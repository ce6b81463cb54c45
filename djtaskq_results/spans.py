"""Which times rows can have been written at that have expired since the last round."""

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple


class Span(NamedTuple):
    """From `after` on (None: from the first row), up to and without `until`."""

    after: dt.datetime | None
    until: dt.datetime


def spans(ages: Collection[dt.timedelta], now: dt.datetime, since: dt.datetime | None) -> list[Span]:
    """The spans to look through, the oldest first, none of them touching another.

    Under one and the same rules, a row that is kept up to an age was kept by a round at `since` if it was
    younger then, and is now older: it lies within `now - since` of that age. Who knows of no round, looks
    through all that is old enough for any rule.
    """
    if not ages:
        return []
    if since is None:
        return [Span(None, now - min(ages))]
    found: list[Span] = []
    for age in sorted(ages, reverse=True):
        span = Span(since - age, now - age)
        if found and span.after is not None and span.after <= found[-1].until:
            span = Span(found.pop().after, span.until)
        found.append(span)
    return found
