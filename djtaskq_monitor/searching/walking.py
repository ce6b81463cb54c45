"""The way through the rows of a search, newest first, within bounds: a page of what was found."""

import dataclasses
import datetime as dt
import time
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from djtaskq.admin.keyset import Page, Position
from djtaskq.db.plans import by_index
from djtaskq_monitor import search
from djtaskq_monitor.search import Tree
from djtaskq_monitor.searching.columns import COLUMNS, HIDING, as_shown
from djtaskq_monitor.searching.conditions import exact, possible
from djtaskq_monitor.searching.indexes import indexed

MOST_ROWS = 50_000
SECONDS = 0.2
_FIRST_STEP = 2_000
# As many rows are taken from the database at once to be judged as they are shown.
_MOST_AT_ONCE = 500
_BEHIND_ALL = 2**63 - 1


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Found(Page):
    """A page of what was found; `looked_at` is how many rows were looked through, at the most."""

    looked_at: int


def search_page(
    rows: QuerySet[Any], tree: Tree, position: Position | None, *, size: int, backwards: bool = False
) -> Found:
    """What of `rows` meets the conditions behind `position` (before it for `backwards`), newest first.

    Looks through `MOST_ROWS` rows or for `SECONDS`, whichever ends first; `looked_to` says where it ended.
    """
    with by_index(rows.db):
        return _Walk(rows, tree, size=size, backwards=backwards).page(position)


class _Walk:
    """The way through the rows in the order of their first event, in steps that grow with their speed."""

    def __init__(self, rows: QuerySet[Any], tree: Tree, *, size: int, backwards: bool) -> None:
        self._every = indexed(rows.order_by(), tree)
        condition = possible(tree)
        self._matching = self._every if condition is None else self._every.filter(condition)
        self._tree = tree
        self._size = size
        self._backwards = backwards
        self._needed = sorted(COLUMNS[field] for field in search.fields_of(tree))
        self._found: list[Any] = []
        self._ends_at = time.monotonic() + SECONDS

    def page(self, begin: Position | None) -> Found:
        looked, step, place = 0, _FIRST_STEP, begin
        while True:
            started = time.monotonic()
            floor = self._floor(place, step)
            stopped = self._look(place, floor)
            looked += step
            now = time.monotonic()
            if stopped is not None:
                return self._paged(begin, stopped, looked)
            reached = None if floor is None else self._behind_all_of(floor)
            if (
                reached is None
                or len(self._found) > self._size
                or looked >= MOST_ROWS
                or now >= self._ends_at
            ):
                return self._paged(begin, reached, looked)
            place = reached
            speed = step / max(now - started, 0.001)
            step = max(_FIRST_STEP, min(4 * step, MOST_ROWS - looked, int(speed * (self._ends_at - now))))

    def _look(self, place: Position | None, floor: dt.datetime | None) -> Position | None:
        """Take what matches, as it is shown, between `place` and `floor`, until the page is full.

        Where time ends before that, it returns how far it came.
        """
        asked = self._size + 1
        while len(self._found) <= self._size:
            rows = self._beyond(self._matching, place)
            if floor is not None:
                rows = rows.filter(**{f"first_seen__{'lte' if self._backwards else 'gte'}": floor})
            order = ("first_seen", "pk") if self._backwards else ("-first_seen", "-pk")
            candidates = list(rows.order_by(*order)[:asked])
            shown = self._shown(candidates)
            self._found += shown
            if len(candidates) < asked:
                return None
            place = Position(candidates[-1].first_seen, candidates[-1].pk)
            if len(self._found) <= self._size and time.monotonic() >= self._ends_at:
                return place
            if 2 * len(shown) < asked:
                asked = min(2 * asked, _MOST_AT_ONCE)
        return None

    def _shown(self, candidates: list[Any]) -> list[Any]:
        if not search.fields_of(self._tree) & HIDING:
            return candidates
        texts = self._texts([row.pk for row in candidates])
        return [row for row in candidates if row.pk in texts and search.matches(self._tree, texts[row.pk])]

    def _texts(self, keys: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What the conditions look at, of each row as a page shows it."""
        if not self._needed:
            return {key: {} for key in keys}
        asked = self._every.model.objects.using(self._every.db).filter(pk__in=list(keys)).order_by()
        return {row.pop("pk"): as_shown(row) for row in asked.values("pk", *self._needed)}

    def _floor(self, place: Position | None, step: int) -> dt.datetime | None:
        """The time of the row that is `step` rows further; None if there are not as many."""
        order = "first_seen" if self._backwards else "-first_seen"
        times = self._beyond(self._every, place).order_by(order).values_list("first_seen", flat=True)
        return next(iter(times[step : step + 1]), None)

    def _beyond(self, rows: QuerySet[Any], place: Position | None) -> QuerySet[Any]:
        if place is None:
            return rows.filter(first_seen__isnull=False)
        beyond = "gt" if self._backwards else "lt"
        behind = Q(**{f"first_seen__{beyond}": place.at}) | Q(**{f"pk__{beyond}": place.pk})
        return rows.filter(behind, **{f"first_seen__{beyond}e": place.at})

    def _behind_all_of(self, at: dt.datetime) -> Position:
        return Position(at, _BEHIND_ALL if self._backwards else -1)

    def _paged(self, begin: Position | None, reached: Position | None, looked: int) -> Found:
        full = len(self._found) > self._size
        rows = self._found[: self._size]
        there = Position(rows[-1].first_seen, rows[-1].pk) if full else reached
        back = None
        if begin is not None:
            back = Position(rows[0].first_seen, rows[0].pk) if rows else begin
        if self._backwards:
            rows.reverse()
            there, back = back, there
        return Found(
            rows=rows,
            before=back,
            after=there,
            total=self._total(begin, reached),
            looked_to=None if full or reached is None else reached.at,
            looked_at=min(looked, MOST_ROWS),
        )

    def _total(self, begin: Position | None, reached: Position | None) -> int | None:
        """How many there are, where one step has seen all of them."""
        if begin is not None or reached is not None:
            return None
        if len(self._found) <= self._size:
            return len(self._found)
        return self._matching.count() if exact(self._tree) else None
