"""Searches as QuerySets: by an index where there is one, otherwise through the newest rows, within bounds.

What a page would not show is not to be found either: conditions on texts that may hold secrets are put to the
database first and then to the texts as they are shown.
"""

import dataclasses
import datetime as dt
import functools
import operator
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import IContains
from django.utils import timezone

from djtaskq.admin.keyset import Page, Position
from djtaskq.conf import conf
from djtaskq.db.plans import by_index
from djtaskq.db.prefix import starts_with
from djtaskq.db.text import storable
from djtaskq.redactor import redactor
from djtaskq_monitor import queries, search
from djtaskq_monitor.models import CALLED
from djtaskq_monitor.search import And, Begins, Compared, Not, Or, Pair, Same, Text, Tree

MOST_ROWS = 50_000
SECONDS = 0.2
_FIRST_STEP = 2_000
# As many rows are taken from the database at once to be judged as they are shown.
_MOST_AT_ONCE = 500
_BEHIND_ALL = 2**63 - 1

# Not a word that ids may begin with by chance.
_ID = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{7,}")

_OWN_NAME = ("name", "state", "args", "kwargs", "result", "exception", "traceback", "queue")
COLUMNS: Mapping[str, str] = {
    **{name: name for name in (*_OWN_NAME, "sent", "received", "started", "eta", "runtime", "retries")},
    "id": "task_id",
    "worker": "worker_id",
    "root": "root_id",
    "parent": "parent_id",
    "seen": "first_seen",
}
# The fields in which arguments, and what came of them, can stand.
HIDING = frozenset(("args", "kwargs", "result", "exception", "traceback"))
# Each with the time of the first event.
_BY_INDEX = frozenset(("name", "worker", "state"))
_LOOKUPS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "exact"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Found(Page):
    """A page of what was found; `looked_at` is how many rows were looked through, at the most."""

    looked_at: int


def read(query: str, rows: QuerySet[Any], now: dt.datetime) -> Tree:
    """The conditions of a query; what could be an id, and is the beginning of one, is meant as that alone.

    Raises `search.SearchError`.
    """
    tree = search.parsed(query, now=timezone.localtime(now))
    if not (isinstance(tree, Text) and tree.field is None and _ID.fullmatch(query.strip())):
        return tree
    ids = rows.order_by().filter(starts_with("task_id", query.strip(), rows.db))
    return Begins(query.strip()) if ids.exists() else tree


def indexed(rows: QuerySet[Any], tree: Tree) -> QuerySet[Any]:
    """The rows as far as one index tells them, in the order of time where there are many.

    All that match are among them. Where several indexes could, it is the one that leaves the fewest.
    """
    conditions = tree.children if isinstance(tree, And) else (tree,)
    for condition in conditions:
        if isinstance(condition, Compared):
            rows = _in_time(rows, condition)
    for condition in conditions:
        if isinstance(condition, Begins):
            return rows.filter(starts_with("task_id", storable(condition.value), rows.db))
        if isinstance(condition, Same) and condition.field == "root":
            return rows.filter(Q(task_id=storable(condition.value)) | of_root(condition.value))
    options = [_same(rows, one) for one in conditions if isinstance(one, Same) and one.field in _BY_INDEX]
    return min(options, key=_counted) if len(options) > 1 else next(iter(options), rows)


def _same(rows: QuerySet[Any], condition: Same) -> QuerySet[Any]:
    if condition.field == "state":
        return in_state(rows, condition.value)
    return rows.filter(**{COLUMNS[condition.field]: storable(condition.value)})


def _counted(rows: QuerySet[Any]) -> int:
    return rows.order_by()[: conf().ADMIN_COUNT_LIMIT + 1].count()


def exact(tree: Tree) -> bool:
    """Whether `possible` tells all that meets the conditions from all that does not."""
    return not search.fields_of(tree) & HIDING


def of_root(root: str) -> Q:
    """What that task called, directly or not, by the index."""
    return CALLED & Q(root_id=storable(root))


def in_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    """States are in capital letters: so the camera writes Celery's and those of one's own."""
    return queries.in_state(rows, storable(state).upper())


def _in_time(rows: QuerySet[Any], condition: Compared) -> QuerySet[Any]:
    """A task was first seen before it was received or started: a later bound bounds that as well."""
    if condition.field == "seen":
        return rows.filter(**{f"first_seen__{_LOOKUPS[condition.sign]}": condition.value})
    if condition.field in {"sent", "received", "started"} and condition.sign in {"<", "<="}:
        return rows.filter(**{f"first_seen__{_LOOKUPS[condition.sign]}": condition.value})
    return rows


def possible(tree: Tree, *, wanted: bool = True) -> Q | None:
    """What the database can tell of the rows that meet the conditions (or do not): None where nothing.

    All rows that meet them as they are shown meet it too.
    """
    if isinstance(tree, Not):
        return possible(tree.child, wanted=not wanted)
    if isinstance(tree, And | Or):
        parts = [possible(child, wanted=wanted) for child in tree.children]
        known = [part for part in parts if part is not None]
        if isinstance(tree, And) is wanted:
            return functools.reduce(operator.and_, known) if known else None
        return functools.reduce(operator.or_, known) if len(known) == len(parts) else None
    if not wanted and (isinstance(tree, Pair) or (redactor() and search.fields_of(tree) & HIDING)):
        return None  # what a secret holds must not show in what is left out
    condition = _condition(tree)
    return condition if wanted or condition is None else ~condition


def _condition(tree: Tree) -> Q | None:
    if isinstance(tree, Text):
        fields = search.EVERYWHERE if tree.field is None else (tree.field,)
        return functools.reduce(operator.or_, (_contains(field, storable(tree.value)) for field in fields))
    if isinstance(tree, Same):
        lookup = "iexact" if tree.field in {"state", "queue"} else "exact"
        return Q(**{f"{COLUMNS[tree.field]}__{lookup}": storable(tree.value)})
    if isinstance(tree, Begins):
        return Q(task_id__startswith=storable(tree.value))
    if isinstance(tree, Compared):
        return Q(**{f"{COLUMNS[tree.field]}__{_LOOKUPS[tree.sign]}": tree.value})
    # A value may be spelled in several ways; the key seldom is.
    return Q(kwargs__icontains=storable(tree.key)) if isinstance(tree, Pair) else None


def _contains(field: str, text: str) -> Q:
    if field == "worker":  # a foreign key has no such lookup
        name = Coalesce(F("worker_id"), Value(""), output_field=CharField())
        return Q(IContains(name, text))
    return Q(**{f"{COLUMNS[field]}__icontains": text})


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
        return {row.pop("pk"): _as_shown(row) for row in asked.values("pk", *self._needed)}

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


def _as_shown(row: dict[str, Any]) -> dict[str, Any]:
    names = {column: field for field, column in COLUMNS.items()}
    shown = {names[column]: value for column, value in row.items()}
    for field in HIDING & shown.keys():
        shown[field] = redactor().text(shown[field] or "")
    if (eta := shown.get("eta")) is not None and timezone.is_naive(eta):
        shown["eta"] = timezone.make_aware(eta)
    return shown
