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
import graphlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Expression, F, Q, When
from django.db.models.expressions import Col
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

from djtaskq.db.features import batch_size, features, is_mariadb
from djtaskq.db.values import source
from djtaskq.errors import DjtaskqError

MOST_ROWS = 1_000


class AmbiguousRows(DjtaskqError):
    """Two of the rows to be written have the key {key}: merge them first."""


class EntangledAssignments(DjtaskqError):
    """The assignments to {columns} read one another's columns; this database assigns one after the other."""


class Incoming(Expression):
    """The value that an upsert was about to insert into the column of field `name`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def resolve_expression(self, query: Any = None, *_args: Any, **_kwargs: Any) -> "Incoming":
        clone = self.copy()
        clone.output_field = query.model._meta.get_field(self.name)
        return clone

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[()]]:  # noqa: ARG002  the signature is Django's
        return f"EXCLUDED.{self._column(connection)}", ()

    def as_mysql(self, _compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[()]]:
        column = self._column(connection)
        return (f"VALUES({column})" if is_mariadb(connection) else f"new.{column}"), ()

    def _column(self, connection: BaseDatabaseWrapper) -> str:
        return str(connection.ops.quote_name(self.output_field.column or ""))


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
        self.model = model
        self.key = tuple(key)
        self.assign = dict(assign)
        self.guard = guard
        self.stable = frozenset(stable)
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
        ordered = _in_key_order(self.model, rows, self.key)
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
            found = _Compiler(self, using).statement(returning, drawn=drawn)
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


class _Compiler:
    """Says an upsert in the words of one database."""

    def __init__(self, upsert: Upsert, using: str) -> None:
        self.upsert = upsert
        self.connection = connections[using]
        self.features = features(using)
        self.query = Query(upsert.model)
        self.query.get_initial_alias()
        self.compiler = self.query.get_compiler(using)

    def statement(self, returning: Sequence[str], *, drawn: bool) -> _Statement:
        options = self.upsert.model._meta
        fields = [field for field in options.concrete_fields if not (field.primary_key and drawn)]
        columns = ", ".join(self._quoted(str(field.column)) for field in fields)
        tail, params = self._tail()
        if returning:
            tail += f" RETURNING {', '.join(self._quoted(self._field(name).column) for name in returning)}"
        head = f"INSERT INTO {self._quoted(options.db_table)} ({columns})"
        return _Statement(fields, head, tail, params, self._reader(returning))

    def _reader(self, returning: Sequence[str]) -> Callable[[Iterable[Any]], Iterable[Any]]:
        columns = [self._field(name).get_col(self.upsert.model._meta.db_table) for name in returning]
        converters = self.compiler.get_converters(columns)
        return functools.partial(self.compiler.apply_converters, converters=converters)

    def _tail(self) -> tuple[str, list[Any]]:
        assignments = list(self._assignments())
        listed = ", ".join(sql for sql, _ in assignments)
        params = [param for _, more in assignments for param in more]
        if not self.features.guarded_upsert:
            alias = "" if is_mariadb(self.connection) else "AS new "
            return f"{alias}ON DUPLICATE KEY UPDATE {listed}", params
        target = ", ".join(self._quoted(self._field(name).column) for name in self.upsert.key)
        tail = f"ON CONFLICT ({target}) DO UPDATE SET {listed}"
        if self.upsert.guard is None:
            return tail, params
        where, where_params = self._compiled(self.upsert.guard)
        return f"{tail} WHERE {where}", [*params, *where_params]

    def _assignments(self) -> Iterator[tuple[str, Sequence[Any]]]:
        expressions = self.upsert.assign
        if not self.features.guarded_upsert and self.upsert.guard is not None:
            expressions = {
                name: Case(When(self.upsert.guard, then=expression), default=F(name))
                for name, expression in expressions.items()
            }
        names = expressions if self.features.simultaneous_assignment else self._readers_first(expressions)
        for name in names:
            sql, params = self._compiled(expressions[name])
            yield f"{self._quoted(self._field(name).column)} = {sql}", params

    def _readers_first(self, expressions: Mapping[str, Any]) -> list[str]:
        """An order in which no expression reads a column that was already assigned."""
        after = {
            name: {
                reader
                for reader, expression in expressions.items()
                if name not in self.upsert.stable
                and reader != name
                and self._field(name).column in self._columns_read(expression)
            }
            for name in expressions
        }
        try:
            return list(graphlib.TopologicalSorter(after).static_order())
        except graphlib.CycleError as error:
            raise EntangledAssignments(columns=", ".join(dict.fromkeys(error.args[1]))) from error

    def _columns_read(self, expression: Any) -> set[str | None]:
        resolved = expression.resolve_expression(self.query, allow_joins=False, for_save=True)
        return {node.target.column for node in _nodes(resolved) if isinstance(node, Col)}

    def _compiled(self, expression: Any) -> tuple[str, Sequence[Any]]:
        resolved = expression.resolve_expression(self.query, allow_joins=False, for_save=True)
        sql, params = self.compiler.compile(resolved)
        return sql, params

    def _field(self, name: str) -> Any:
        return self.upsert.model._meta.get_field(name)

    def _quoted(self, name: str) -> str:
        return str(self.connection.ops.quote_name(name))


def _nodes(expression: Any) -> Iterator[Any]:
    yield expression
    for child in expression.get_source_expressions():
        if child is not None:
            yield from _nodes(child)
