"""One page of a big table, read from its place in an index: the last page costs what the first one does."""

import dataclasses
import datetime as dt
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

_BEHIND_ALL = 2**63 - 1
FURTHER = 10


class Position(NamedTuple):
    """A place between the rows of a list in order of time: right behind the row with this key."""

    at: dt.datetime
    pk: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()},{self.pk}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """A position as `str` made it; None for everything else."""
        at, _, pk = (text or "").rpartition(",")
        try:
            place = cls(dt.datetime.fromisoformat(at), int(pk))
        except ValueError:
            return None
        # Times are compared with the rows' own.
        return place if timezone.is_aware(place.at) == settings.USE_TZ else None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Rows of a page in the list's order.

    `before` and `after` are where the neighbouring pages begin, None where there are none. `total` counts all
    rows that match, None where they were not counted: there are more than the limit, or too few of them near.
    `looked_to` is set where the rows beyond it were not looked at: more may match there.
    """

    rows: list[Any]
    before: Position | None
    after: Position | None
    total: int | None
    looked_to: dt.datetime | None = None


class _Way(NamedTuple):
    """Where reading begins (at the first row for None) and where it goes.

    `falling` is towards older rows, `backwards` is towards the beginning of the list.
    """

    position: Position | None
    falling: bool
    backwards: bool


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Reads pages of the rows that match, newest first or oldest first.

    `every` are the rows as far as the index of the time column `column` finds them (all, or a range of
    time); `matching` those of them that filters leave. `rare_by_index` says that an index finds what matches
    where it is little. No statement looks at many more than `limit` rows, and where few of those match, at
    `FURTHER` times as many.
    """

    every: QuerySet[Any]
    matching: QuerySet[Any]
    column: str
    newest_first: bool
    size: int
    limit: int
    filtered: bool
    rare_by_index: bool

    def page(self, position: Position | None, *, backwards: bool = False) -> Page:
        """The page behind `position`, the first one for None; with `backwards` the one that ends there."""
        way = _Way(position, self.newest_first != backwards, backwards)
        start = _Way(None, self.newest_first, backwards=False)
        if self._floor(start, self.limit) is None:
            return self._page(way, self._read(way), self.matching.order_by().count())
        if not self.filtered:
            return self._page(way, self._read(way))
        # What no index finds costs a look elsewhere for each row.
        near = self._near(way, self.limit if self.rare_by_index else self.limit // 4)
        if near.looked_to is None or not self.rare_by_index:
            return near
        return self._among_few(way) or self._near(way, FURTHER * self.limit)

    def _near(self, way: _Way, limit: int) -> Page:
        """The page as far as the next `limit` rows hold it."""
        floor = self._floor(way, limit)
        rows = self._read(way, floor)
        page = self._page(way, rows)
        if floor is None or len(rows) > self.size:
            return page
        beyond = Position(floor, -1 if way.falling else _BEHIND_ALL)
        if way.backwards:
            return dataclasses.replace(page, looked_to=floor, before=beyond)
        return dataclasses.replace(page, looked_to=floor, after=beyond)

    def _among_few(self, way: _Way) -> Page | None:
        """The page from all that match, where no more than the limit do."""
        keys = list(self.matching.order_by().values_list(self.column, "pk")[: self.limit + 1])
        if len(keys) > self.limit:
            return None
        places = sorted((Position(*key) for key in keys), reverse=way.falling)
        if (begin := way.position) is not None:
            places = [place for place in places if (place < begin if way.falling else place > begin)]
        wanted = [place.pk for place in places[: self.size + 1]]
        found = {row.pk: row for row in self.matching.order_by().filter(pk__in=wanted)}
        return self._page(way, [found[pk] for pk in wanted if pk in found], len(keys))

    def _page(self, way: _Way, rows: list[Any], total: int | None = None) -> Page:
        more = len(rows) > self.size
        rows = rows[: self.size]
        there, back = (self._place(rows[-1]) if more else None), None
        if way.position is not None:
            back = self._place(rows[0]) if rows else way.position
        if way.backwards:
            rows.reverse()
            return Page(rows=rows, before=there, after=back, total=total)
        return Page(rows=rows, before=back, after=there, total=total)

    def _place(self, row: Any) -> Position:
        return Position(getattr(row, self.column), row.pk)

    def _read(self, way: _Way, floor: dt.datetime | None = None) -> list[Any]:
        """One row more than a page holds, if there is one."""
        rows = self._behind(self.matching, way)
        if floor is not None:
            rows = rows.filter(**{f"{self.column}__{'gte' if way.falling else 'lte'}": floor})
        # Both ways alike: that is how an index runs.
        order = (f"-{self.column}", "-pk") if way.falling else (self.column, "pk")
        return list(rows.order_by(*order)[: self.size + 1])

    def _floor(self, way: _Way, limit: int) -> dt.datetime | None:
        """The time of the row that is `limit` rows further; None if there are not as many."""
        rows = self._behind(self.every, way).order_by(f"-{self.column}" if way.falling else self.column)
        return next(iter(rows.values_list(self.column, flat=True)[limit : limit + 1]), None)

    def _behind(self, rows: QuerySet[Any], way: _Way) -> QuerySet[Any]:
        if way.position is None:
            return rows
        beyond = "lt" if way.falling else "gt"
        at, pk = way.position
        # The first condition is the one that an index understands.
        return rows.filter(
            Q(**{f"{self.column}__{beyond}": at}) | Q(**{f"pk__{beyond}": pk}),
            **{f"{self.column}__{beyond}e": at},
        )
