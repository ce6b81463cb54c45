"""Which release's `beat_schedule` is in force, where several releases run at once."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from djtaskq.db.claims import claim, writing
from djtaskq.db.clock import DatabaseNow, now
from djtaskq.db.fields import EPOCH
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_beat.heartbeat import alive
from djtaskq_beat.models import Beat, Declaration

# A beat that has just declared may not have reported itself yet.
_UNREPORTED = dt.timedelta(seconds=20)
# A beat that was there before gives its successor this long to come back.
_PATIENCE = dt.timedelta(minutes=5)
_KEPT = 100
# The row that whoever declares holds; it declares nothing.
_LOCK = ""
_DECLARE = Upsert(
    Declaration,
    key=["digest"],
    assign={"declared_at": Incoming("declared_at"), "declared_by": Incoming("declared_by")},
)
_TICK = dt.timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Current:
    """The declaration in force; `alive` if a beat of that release is at work, `seen_at` when one was."""

    digest: str
    declared_at: dt.datetime
    declared_by: str
    alive: bool
    seen_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """What a release finds when it looks; `known` if it was in force before."""

    digest: str
    now: dt.datetime
    current: Current | None
    known: bool

    @property
    def is_current(self) -> bool:
        return self.current is not None and self.current.digest == self.digest

    def may_declare(self, started_at: dt.datetime) -> bool:
        """Whether a beat that started then may have the rows say what its release does.

        A new release always may. One that was followed by another may not while beats of that one run: an
        old beat that starts once more must not undo the new release. Once they are gone it may, at once if
        it was started after the other one, as in a roll-back.
        """
        if self.current is None or self.is_current or not self.known:
            return True
        age = self.now - self.current.declared_at
        if self.current.alive or dt.timedelta() <= age < _UNREPORTED:
            return False
        return self.current.declared_at < started_at or self.now - self.current.seen_at >= _PATIENCE


def standing(digest: str, using: str) -> Standing:
    """How the release `digest` stands; one statement, a second one before the first declaration."""
    same = Declaration.objects.using(using).filter(digest=digest)
    of_it = Beat.objects.using(using).filter(declaration=OuterRef("digest"))
    found = (
        _declarations(using)
        .annotate(
            now=DatabaseNow(),
            known=Exists(same),
            alive=Exists(alive(using).filter(declaration=OuterRef("digest"))),
            seen_at=Subquery(of_it.order_by("-seen_at").values("seen_at")[:1]),
        )
        .first()
    )
    if found is None:
        return Standing(digest, now(using), None, known=False)
    return Standing(digest, found.now, _current(found), found.known)


@contextmanager
def declaring(using: str) -> Iterator[bool]:
    """A transaction in which no other beat declares; gives False if one does so at this moment."""
    rows = Declaration.objects.using(using)
    if not rows.filter(digest=_LOCK).exists():
        # Outside of the transaction: on MariaDB two that insert the same row wait for each other.
        lock = Declaration(digest=_LOCK, declared_at=EPOCH, declared_by="")
        rows.bulk_create([lock], ignore_conflicts=True)
    with writing(using):
        yield bool(claim(rows.filter(digest=_LOCK), 1))


def become_current(found: Standing, by: str, using: str) -> None:
    """Have the release that looked be the one in force; to be called in `declaring`."""
    # Where the clock was set back, the last one is the last one all the same.
    at = max(found.now, found.current.declared_at + _TICK) if found.current else found.now
    _DECLARE.write([Declaration(digest=found.digest, declared_at=at, declared_by=by[:255])], using=using)
    old = list(_declarations(using).values_list("pk", flat=True)[_KEPT : 2 * _KEPT])
    if old:
        Declaration.objects.using(using).filter(pk__in=old).delete()


def _declarations(using: str) -> QuerySet[Declaration]:
    """All there were, the one in force first."""
    return Declaration.objects.using(using).exclude(digest=_LOCK).order_by("-declared_at", "digest")


def _current(found: Any) -> Current:
    seen_at = max(found.declared_at, found.seen_at or found.declared_at)
    return Current(found.digest, found.declared_at, found.declared_by, found.alive, seen_at)
