"""Going through old rows along the index of their times, and deleting of them what has expired.

Looking locks nothing. Deleting takes a batch of rows that nobody else holds, in a transaction of its own,
and a batch is as large as fits into a few hundredths of a second. So a writer waits no longer than that,
and any number of processes may sweep at once: what one has taken, the others pass over.
"""

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import IntegrityError, models, router
from django.db.models import Q

from djtaskq.db.among import Among
from djtaskq.db.claims import claim, writing
from djtaskq.db.features import features
from djtaskq_results.database import writing_to
from djtaskq_results.pace import Pace
from djtaskq_results.spans import Span

LOOK = 5_000
MOST = 5_000
MOST_MISSED = 100_000

Row = tuple[Any, ...]


def walk(model: type[models.Model], span: Span, columns: Sequence[str] = ()) -> Iterator[list[Row]]:
    """Pages of `(pk, date_done, *columns)`, the oldest first; no row is read twice."""
    last: Row | None = None
    while True:
        found = _page(model, span, last)
        if found:
            yield _with_columns(model, found, columns) if columns else found
        if len(found) < LOOK:
            return
        last = found[-1]


class Eraser:
    """Deletes rows of `model` by key, as long as they were not written again since `before`.

    Through the ORM: other people's models may point here with cascades and signals. Where there are none,
    Django sends one DELETE for a batch and loads no row. A subclass says what goes with a batch.
    """

    # What `beside` wants to know of the rows.
    columns: Sequence[str] = ()

    def __init__(self, model: type[models.Model], before: dt.datetime) -> None:
        self._model = model
        self._before = before
        self._pace = Pace(MOST, one_writer=features(router.db_for_write(model)).single_writer)
        self._missed: list[Any] = []
        self.deleted = 0
        # Rows that somebody refers to in a way that forbids their deletion.
        self.protected = 0

    @property
    def longest(self) -> float:
        """Seconds that the longest batch took, from its first lock to the commit."""
        return self._pace.longest

    def beside(self, rows: Sequence[Row], using: str) -> None:
        """Delete what goes with these rows (`(pk, *columns)`), in the transaction that deletes them."""

    def delete(self, keys: Sequence[Any]) -> None:
        start = 0
        while start < len(keys):
            end = start + self._pace.size
            self._delete(keys[start:end])
            start = end

    def complete(self) -> bool:
        """Try those again that somebody held; returns whether none of them is left."""
        missed, self._missed = self._missed, []
        if len(missed) >= MOST_MISSED:
            return False
        self.delete(missed)
        return not writing_to(self._model, self._any_left)

    def _delete(self, keys: Sequence[Any]) -> None:
        try:
            gone = writing_to(self._model, lambda using: self._batch(keys, using))
        except IntegrityError:
            # ProtectedError and RestrictedError are of this kind, and so is a constraint in SQL alone.
            if len(keys) == 1:
                self.protected += 1
                return
            middle = len(keys) // 2
            self._delete(keys[:middle])
            self._delete(keys[middle:])
            return
        self.deleted += len(gone)
        if len(gone) < len(keys) and len(self._missed) < MOST_MISSED:
            self._missed += set(keys).difference(gone)

    def _batch(self, keys: Sequence[Any], using: str) -> list[Any]:
        """Delete in one transaction; returns the keys of those that went."""
        began = time.perf_counter()
        with writing(using):
            rows = self._rows(keys, using).order_by("pk").values_list("pk", *self.columns)
            taken: list[Row] = claim(rows, len(keys))
            gone = [row[0] for row in taken]
            if gone:
                self.beside(taken, using)
                self._model._base_manager.using(using).filter(Among("pk", gone)).delete()
        seconds = time.perf_counter() - began
        self._pace.took(len(keys), seconds)
        time.sleep(self._pace.rest(seconds))
        return gone

    def _rows(self, keys: Sequence[Any], using: str) -> models.QuerySet[Any]:
        return self._model._base_manager.using(using).filter(Among("pk", keys), date_done__lt=self._before)

    def _any_left(self, using: str) -> bool:
        starts = range(0, len(self._missed), LOOK)
        return any(self._rows(self._missed[start : start + LOOK], using).exists() for start in starts)


def page(rows: models.QuerySet[Any], span: Span, last: Row | None) -> models.QuerySet[Any, Row]:
    """The keys and times of a span's first rows, or of those that follow `last`, another such row.

    Nothing else: where the index has both, MariaDB reads it in its order and sorts no table.
    """
    old = Q(date_done__lt=span.until)
    if last is not None:
        # The first condition is what an index can begin at.
        old &= Q(date_done__gte=last[1]) & (Q(date_done__gt=last[1]) | Q(pk__gt=last[0]))
    elif span.after is not None:
        old &= Q(date_done__gte=span.after)
    return rows.filter(old).order_by("date_done", "pk").values_list("pk", "date_done")[:LOOK]


def _page(model: type[models.Model], span: Span, last: Row | None) -> list[Row]:
    return writing_to(model, lambda using: list(page(model._base_manager.using(using), span, last)))


def _with_columns(model: type[models.Model], found: list[Row], columns: Sequence[str]) -> list[Row]:
    def work(using: str) -> list[Row]:
        rows = model._base_manager.using(using).filter(Among("pk", (row[0] for row in found)))
        return list(rows.values_list("pk", "date_done", *columns))

    return writing_to(model, work)
