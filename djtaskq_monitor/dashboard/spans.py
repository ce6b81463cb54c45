"""Which span of time a page is about, as its URL says."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SPANS: dict[str, dt.timedelta] = {
    "15m": dt.timedelta(minutes=15),
    "1h": dt.timedelta(hours=1),
    "6h": dt.timedelta(hours=6),
    "24h": dt.timedelta(days=1),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
}
WORDS: dict[str, str | Promise] = {
    "15m": _("the last 15 minutes"),
    "1h": _("the last hour"),
    "6h": _("the last 6 hours"),
    "24h": _("the last 24 hours"),
    "7d": _("the last 7 days"),
    "30d": _("the last 30 days"),
}
# The same, for tabs.
SHORT: dict[str, str | Promise] = {
    "15m": _("15 min"),
    "1h": _("1 h"),
    "6h": _("6 h"),
    "24h": _("24 h"),
    "7d": _("7 d"),
    "30d": _("30 d"),
}
USUAL = "1h"
LONGEST = dt.timedelta(days=366)
_SHORTEST = dt.timedelta(minutes=1)
# Whatever a zone cannot move is no time to ask for.
_YEARS = range(1970, 2200)


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """From `since` to `until`, both aware. `name` is one of `SPANS` that ends now, or "" for any other.

    `since` is on a whole minute: statistics know none that is shorter, and links stay as they are that long.
    """

    since: dt.datetime
    until: dt.datetime
    name: str = ""

    @property
    def length(self) -> dt.timedelta:
        return self.until - self.since

    @property
    def query(self) -> dict[str, str]:
        """What stands for it in a URL of our own pages."""
        return {"span": self.name} if self.name else self.bounds

    @property
    def bounds(self) -> dict[str, str]:
        """What lists are filtered by; without an end where it is now."""
        since = {"since": _spelled(self.since)}
        return since if self.name else since | {"until": _spelled(self.until)}


def read(query: Mapping[str, str], now: dt.datetime | None = None, usual: str = USUAL) -> Span:
    """`since` and `until` (ISO 8601), or `span`; the `usual` one for what cannot be read.

    A range that is brushed over comes before the span that it was brushed on.
    """
    now = now or timezone.now()
    since, until = _instant(query.get("since", "")), _instant(query.get("until", ""))
    name = query.get("span", "")
    if since is not None:
        until = min(until or now, now)
        since = _minute(min(max(since, until - LONGEST), until - _SHORTEST))
        return Span(since, until)
    if query.get("since") in SPANS:
        name = query["since"]
    name = name if name in SPANS else usual
    return Span(_minute(now - SPANS[name]), now, name)


def _minute(instant: dt.datetime) -> dt.datetime:
    return instant.replace(second=0, microsecond=0)


def _spelled(instant: dt.datetime) -> str:
    return f"{instant.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _instant(text: str) -> dt.datetime | None:
    try:
        instant = parse_datetime(text)
    except ValueError:
        return None
    if instant is None or instant.year not in _YEARS:
        return None
    aware = timezone.make_aware(instant) if timezone.is_naive(instant) else instant
    return aware.astimezone(dt.UTC)
