"""How far results were cleaned up, kept for the next round, whichever process does that."""

import datetime as dt
from typing import Any

from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_results.database import writing_to
from djtaskq_results.models import RetentionMark

# Now and then all old rows are looked at: some may have been imported, or written by a clock that was wrong.
LOOK_AGAIN = dt.timedelta(days=7)
# Workers' clocks differ, and rows are written a little before they can be seen.
MARGIN = dt.timedelta(hours=1)
# Marks of rules that nobody goes by any more.
_FORGET = dt.timedelta(days=90)

_MARK = Upsert(
    RetentionMark, key=["rules"], assign={name: Incoming(name) for name in ("swept_at", "looked_at")}
)


def swept_at(rules: str, now: dt.datetime) -> dt.datetime | None:
    """When a round under these rules began that left nothing behind; None if all is to be looked at."""
    mark: Any = writing_to(
        RetentionMark, lambda using: RetentionMark.objects.using(using).filter(rules=rules).first()
    )
    if mark is None or mark.looked_at < now - LOOK_AGAIN:
        return None
    since: dt.datetime = mark.swept_at - MARGIN
    return since


def note(rules: str, now: dt.datetime, *, looked_at_all: bool) -> None:
    """A round that began at `now` has come to its end, and left nothing behind that had expired."""

    def work(using: str) -> None:
        mark = None if looked_at_all else RetentionMark.objects.using(using).filter(rules=rules).first()
        looked_at = mark.looked_at if mark else now
        _MARK.write([RetentionMark(rules=rules, swept_at=now, looked_at=looked_at)], using=using)
        RetentionMark.objects.using(using).filter(swept_at__lt=now - _FORGET).delete()

    writing_to(RetentionMark, work)
