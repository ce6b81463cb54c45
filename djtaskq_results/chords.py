"""Counting a chord's parts, each once, and deciding who sends its body.

`ChordCounter.count` (django-celery-results' table) goes from the size of the header down to zero. A part
counts by the insertion of its `ChordPart` in the same transaction: a message that is handed out twice, or a
write that is repeated because nobody knows whether it was committed, finds the row there and changes nothing.
At zero the chord is due: whoever sees that claims it for a while, sends the body, and takes the rows away.

A chord whose size is not known yet (its header is a generator, or nested) counts down from `OPEN`, until
Celery tells the size when it sends the last part. So parts that come back before need no special care.
"""

import dataclasses
import datetime as dt
import enum
import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django_celery_results.models import ChordCounter  # type: ignore[attr-defined]  # not in the stubs

from djtaskq.db.claims import writing
from djtaskq.db.clock import DatabaseNow, now
from djtaskq.db.counting import CountOnce
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_results.content import Content
from djtaskq_results.database import reading_from, writing_to
from djtaskq_results.models import Chord, ChordPart
from djtaskq_results.rows import task_key

# The largest number that the column holds on every database. No header comes near the half of it.
OPEN = 2_147_483_647
_STILL_OPEN = OPEN // 2

NO_POSITION = -1
ANNOUNCED = -2

# How long the finisher has to read the results and send the body, before another one may.
LEASE = dt.timedelta(seconds=60)

_ADOPTED_AT_ONCE = 1_000


_COUNTERS = Upsert(
    ChordCounter,
    key=["group_id"],
    assign={name: Incoming(name) for name in ("sub_tasks", "count")},
)
_CHORDS = Upsert(
    Chord,
    key=["group_id"],
    assign={
        name: Incoming(name)
        for name in ("content_type", "content_encoding", "body", "created_at", "claimed_until")
    },
)
COUNTED = CountOnce(
    model=ChordPart,
    counter=ChordCounter,
    field="count",
    shared="group_id",
)


class Counted(enum.Enum):
    """What became of the chord when a part came back."""

    WAITING = "other parts are missing"
    DUE = "this was the last one, or the last one's finisher died"
    UNKNOWN = "there is no such chord: it is finished, or has expired"

    @classmethod
    def of(cls, left: int | None) -> "Counted":
        if left is None:
            return cls.UNKNOWN
        return cls.WAITING if left else cls.DUE


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part that came back. `content` is its result where the task's own row does not have it."""

    group_id: str
    task_id: str
    position: int
    state: str
    content: Content | None = None


def begin(group_id: str, header: Sequence[Any] | None, size: int | None, body: Content | None) -> None:
    """Start to count; anew, if a chord of that id was counted before.

    `header`: the result tuples of the header in order, None if they are not to be looked at yet; `size`:
    how many parts will come back, None if that is still open.
    """

    def work(using: str) -> None:
        with writing(using):
            # The counter first, in whose row all who deal with a chord wait for each other.
            counter = ChordCounter(
                group_id=group_id,
                sub_tasks=json.dumps(header or []),
                count=OPEN if size is None else size,
            )
            _COUNTERS.write([counter], using=using)
            ChordPart.objects.using(using).filter(group_id=group_id).delete()
            _CHORDS.write([_chord(group_id, body)], using=using)

    writing_to(ChordCounter, work)


def settle(group_id: str, size: int) -> None:
    """Tell the size of an open chord; one that is settled stays as it is."""
    writing_to(
        ChordCounter,
        lambda using: (
            ChordCounter.objects.using(using)
            .filter(group_id=group_id, count__gt=_STILL_OPEN)
            .update(count=F("count") - (OPEN - size))
        ),
    )


def announce(group_id: str, task_id: str) -> None:
    """Count one part more; it was sent by a part that is still running."""
    part = Part(group_id=group_id, task_id=task_id, position=ANNOUNCED, state="")
    writing_to(ChordCounter, lambda using: _count_once(part, +1, using))


def part_returned(part: Part) -> Counted:
    return Counted.of(writing_to(ChordCounter, lambda using: _count_once(part, -1, using)))


def part_row(part: Part) -> ChordPart:
    row = ChordPart(
        group_id=part.group_id, task_id=task_key(part.task_id), position=part.position, state=part.state
    )
    if part.content is not None:
        row.content_type, row.content_encoding, row.result = part.content
    return row


def claim(group_id: str, body: Content | None) -> bool:
    """Whether the caller is the one to finish this chord now."""

    def work(using: str) -> bool:
        instant = now(using)
        claimed = (
            Chord.objects.using(using)
            .filter(Q(claimed_until=None) | Q(claimed_until__lt=instant), group_id=group_id)
            .update(claimed_until=instant + LEASE)
        )
        return bool(claimed) or _claimed_for_the_peer(group_id, body, instant, using)

    return writing_to(Chord, work)


def header(group_id: str) -> list[Any]:
    """The header's result tuples, as far as they were known when it was sent."""

    def work(using: str) -> list[Any]:
        text = _counter(group_id, using).values_list("sub_tasks", flat=True).first()
        tuples: list[Any] = json.loads(text or "[]")
        return tuples

    return reading_from(ChordCounter, work)


def parts(group_id: str) -> list[Part]:
    """The parts that came back, in the order of the header."""

    def work(using: str) -> list[Part]:
        rows = ChordPart.objects.using(using).filter(group_id=group_id, position__gt=ANNOUNCED)
        return [_part(row) for row in rows.order_by("position", "pk")]

    return reading_from(ChordPart, work)


def end(group_ids: Iterable[str]) -> None:
    """Forget everything about these chords."""
    ids = list(group_ids)

    def work(using: str) -> None:
        with writing(using):
            # The counter first: a part that comes back late must find it either whole or gone.
            for model in (ChordCounter, ChordPart, Chord):
                model._base_manager.using(using).filter(group_id__in=ids).delete()

    writing_to(ChordCounter, work)


def due(limit: int = 100) -> list[tuple[str, Content]]:
    """Chords whose parts are all back, and whose body nobody is about to send: `(group id, body)`.

    One statement. A chord whose body is not known waits for a part that brings it along.
    """

    def work(using: str) -> list[tuple[str, Content]]:
        complete = ChordCounter.objects.using(using).filter(count=0).values("group_id")
        free = Chord.objects.using(using).filter(Q(claimed_until=None) | Q(claimed_until__lt=DatabaseNow()))
        rows = free.filter(group_id__in=complete, body__isnull=False).order_by("created_at")[:limit]
        return [
            (row.group_id, Content(row.content_type, row.content_encoding, row.body or "")) for row in rows
        ]

    return reading_from(Chord, work)


def adopt() -> None:
    """Have the age of chords counted from now on that tell none.

    django-celery-results' counters have no time, and it never deletes those that did not come to zero; and
    where it ended a chord, parts that we counted were left.
    """
    for model in (ChordCounter, ChordPart):
        last = ""
        while ids := writing_to(Chord, functools.partial(_adopt_some, model, last)):
            last = ids[-1]


def begun_before(age: dt.timedelta, limit: int) -> list[str]:
    """Ids of chords that were started longer ago than `age`, the oldest first."""
    return reading_from(
        Chord,
        lambda using: list(
            Chord.objects.using(using)
            .filter(created_at__lt=now(using) - age)
            .order_by("created_at")
            .values_list("group_id", flat=True)[:limit]
        ),
    )


def _adopt_some(model: type[models.Model], after: str, using: str) -> list[str]:
    known = Chord.objects.using(using).filter(group_id=OuterRef("group_id"))
    rows = model._base_manager.using(using).filter(~Exists(known), group_id__gt=after).order_by("group_id")
    ids: list[str] = list(rows.values_list("group_id", flat=True).distinct()[:_ADOPTED_AT_ONCE])
    Chord.objects.using(using).bulk_create([_chord(each, None) for each in ids], ignore_conflicts=True)
    return ids


def _chord(group_id: str, body: Content | None) -> Chord:
    chord = Chord(group_id=group_id, created_at=timezone.now())
    if body is not None:
        chord.content_type, chord.content_encoding, chord.body = body
    return chord


def _counter(group_id: str, using: str) -> Any:
    return ChordCounter.objects.using(using).filter(group_id=group_id)


def _count_once(part: Part, step: int, using: str) -> int | None:
    """What is left to come after this part; None for a chord that is not known."""
    return COUNTED.add(part_row(part), step, using=using)


def _claimed_for_the_peer(group_id: str, body: Content | None, instant: dt.datetime, using: str) -> bool:
    """Claim a chord that a django-celery-results backend began: it wrote its counter, and no `Chord`."""
    chord = _chord(group_id, body)
    chord.claimed_until = instant + LEASE
    try:
        with transaction.atomic(using):
            chord.save(using=using, force_insert=True)
            if not _counter(group_id, using).exists():
                # It has come to its end since the caller found it due, and its parts are forgotten.
                transaction.set_rollback(True, using=using)
                return False
    except IntegrityError:
        return False  # somebody else was here, and has it
    return True


def _part(row: ChordPart) -> Part:
    return Part(
        group_id=row.group_id,
        task_id=row.task_id,
        position=row.position,
        state=row.state,
        content=_content(row, row.result),
    )


def _content(row: Any, text: str | None) -> Content | None:
    return None if text is None else Content(row.content_type, row.content_encoding, text)
