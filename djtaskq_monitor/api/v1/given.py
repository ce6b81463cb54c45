"""What parameters are made of, and what is said of them in the document."""

import datetime as dt
import re
from typing import Annotated, Any

from django.utils import timezone
from ninja import Query
from pydantic import AfterValidator, BeforeValidator, Field

from djtaskq.db.text import storable

PAGE, MOST = 100, 1_000
LONGEST = 255
# What every database can hold, whatever the zone.
YEARS = range(1970, 2200)
_FIRST, _LAST = dt.datetime(1970, 1, 2, tzinfo=dt.UTC), dt.datetime(2199, 12, 30, tzinfo=dt.UTC)
_INSTANT = re.compile(r"(\d{4})(-\d\d-\d\dT\d\d:\d\d:)(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_LEAP = "60"


def instant(value: Any) -> dt.datetime:
    """An instant of RFC 3339; one that is further away than anything is the furthest there is."""
    match = _INSTANT.fullmatch(str(value).upper())
    if match is None:
        raise ValueError("expected an instant with its offset, such as 2026-01-31T12:00:00Z (+ is %2B)")
    year, middle, second, fraction, offset = match.groups()
    # The year 2000 stands for those that cannot be asked for: what is no day in any year is refused.
    known = int(year) in YEARS
    text = f"{year if known else '2000'}{middle}{'59' if second == _LEAP else second}{fraction or ''}{offset}"
    found = dt.datetime.fromisoformat(text)
    if not known:
        return _FIRST if int(year) < YEARS.start else _LAST
    return min(max(found.astimezone(dt.UTC), _FIRST), _LAST)


Instant = Annotated[dt.datetime, BeforeValidator(instant)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(storable)]
Cursor = Annotated[
    str | None, Query(None, max_length=2_000, pattern="^[A-Za-z0-9_-]+$", description="`next` of a page.")
]
Limit = Annotated[int, Query(PAGE, ge=1, le=MOST)]
Since = Annotated[Instant | None, Query(None, description="From then on; an hour before `until` without.")]
Until = Annotated[Instant | None, Query(None, description="Before then; until now without.")]


def aware(value: dt.datetime | None) -> dt.datetime | None:
    """The same instant where the project has no time zones."""
    return timezone.make_aware(value) if value is not None and timezone.is_naive(value) else value
