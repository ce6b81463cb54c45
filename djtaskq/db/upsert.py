"""Insert rows, or merge them into those that are there, in one statement.

The ORM's `bulk_create(update_conflicts=True)` overwrites blindly. Here each column has its own rule, written
in Django's expressions, and a guard can keep a row as it is:

    MERGE = Upsert(
        TaskState,
        key=["task_id"],
        assign={
            "name": Coalesce(Incoming("name"), F("name")),
            "retries": Greatest(F("retries"), Incoming("retries")),
        },
        guard=~Q(state="SUCCESS"),
    )
    MERGE.write(rows, using="default")

`F("name")` is the stored value, `Incoming("name")` the one that was to be inserted.
"""

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Q

from djtaskq.db.features import batch_size
from djtaskq.db.merging import EntangledAssignments, Incoming, Merging, Rules
from djtaskq.db.values import source
from djtaskq.errors import DjtaskqError

__all__ = ["MOST_ROWS", "AmbiguousRows", "EntangledAssignments", "Incoming", "Upsert"]

MOST_ROWS = 1_000


class AmbiguousRows(DjtaskqError):
    """Two of the rows to be written have the key {key}: merge them first."""


class Upsert:
    """Rows of `model` inserted, or merged into those that are there: a statement made once, used often.

    `key` names the fields of a unique constraint. A row whose key is new is inserted as it stands; one whose
    key is there is changed as `assign` says, if `guard` holds.

    `stable` names columns that the guard reads and whose assignment does not change its answer. Where a
    database assigns column by column, they need not wait for the others.
    """

    def __init__(
        self,
        model: type[models.Model],
        *,
        key: Sequence[str],
        assign: Mapping[str, Any],
        guard: Q | Expression | None = None,
        stable: Collection[str] = (),
    ) -> None:
        self.rules = Rules(
            model=model, key=tuple(key), assign=dict(assign), guard=guard, stable=frozenset(stable)
        )
        # Compiling expressions takes longer than a database takes to write a row.
        self._statements: dict[tuple[str, bool, tuple[str, ...]], _Statement] = {}

    def write(
        self, rows: Sequence[models.Model], *, using: str, returning: Sequence[str] = ()
    ) -> list[tuple[Any, ...]]:
        """Write `rows`, up to 1,000 in one statement, each by itself or not at all.

        Every statement commits for itself unless the caller has a transaction open. Rows are written in the
        order of their keys, so that two writers never wait for each other in a circle.

        Gives the fields that `returning` names, as they stand now, of each row that was inserted or changed;
        that takes a database whose `features` have `returning_upsert`.

        Raises `AmbiguousRows` if a key stands twice in `rows`, and `EntangledAssignments` where a database
        assigns column by column and no order of them gives the meaning of an assignment all at once.
        """
        if not rows:
            return []
        ordered = _in_key_order(self.rules.model, rows, self.rules.key)
        statement = self._statement(using, tuple(returning), drawn=rows[0].pk is None)
        size = batch_size(using, len(statement.fields), MOST_ROWS)
        found: list[tuple[Any, ...]] = []
        with connections[using].cursor() as cursor:
            for start in range(0, len(ordered), size):
                cursor.execute(*statement.filled(ordered[start : start + size], connections[using]))
                if returning:
                    found += statement.returned(cursor)
        return found

    def _statement(self, using: str, returning: tuple[str, ...], *, drawn: bool) -> "_Statement":
        """The statement for one database; `drawn` if it is to draw the primary keys."""
        found = self._statements.get((using, drawn, returning))
        if found is None:
            found = _statement(self.rules, using, returning, drawn=drawn)
            self._statements[using, drawn, returning] = found
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Statement:
    """The SQL around the values, `head` and `tail`; the latter's parameters are `params`.

    `read` makes Python's values of a row that the database returns.
    """

    fields: Sequence[Any]
    head: str
    tail: str
    params: Sequence[Any]
    read: Callable[[Iterable[Any]], Iterable[Any]]

    def filled(self, rows: Sequence[models.Model], connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        sql, values = source(self.fields, rows, connection)
        return f"{self.head} {sql} {self.tail}", [*values, *self.params]

    def returned(self, cursor: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.read(cursor.fetchall())]


def _in_key_order(
    model: type[models.Model], rows: Sequence[models.Model], key: Sequence[str]
) -> list[models.Model]:
    attributes = [
        field.attname for field in map(model._meta.get_field, key) if isinstance(field, models.Field)
    ]
    by_key: dict[tuple[Any, ...], models.Model] = {}
    for row in rows:
        values = tuple(getattr(row, attribute) for attribute in attributes)
        if values in by_key:
            raise AmbiguousRows(key=values)
        by_key[values] = row
    return [by_key[values] for values in sorted(by_key)]


def _statement(rules: Rules, using: str, returning: Sequence[str], *, drawn: bool) -> _Statement:
    merging = Merging(rules, using)
    fields = [field for field in rules.model._meta.concrete_fields if not (field.primary_key and drawn)]
    columns = ", ".join(merging.column(field.name) for field in fields)
    tail, params = merging.on_conflict()
    tail = f"{merging.row_alias} {tail}"
    if returning:
        tail += f" RETURNING {', '.join(map(merging.column, returning))}"
    head = f"INSERT INTO {merging.table()} ({columns})"
    return _Statement(fields, head, tail, params, _reader(merging, returning))


def _reader(merging: Merging, returning: Sequence[str]) -> Callable[[Iterable[Any]], Iterable[Any]]:
    columns = [merging.field(name).get_col(merging.rules.model._meta.db_table) for name in returning]
    converters = merging.compiler.get_converters(columns)
    return functools.partial(merging.compiler.apply_converters, converters=converters)
