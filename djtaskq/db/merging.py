"""Saying an upsert's rules in the words of one database."""

import dataclasses
import graphlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Expression, F, Q, When
from django.db.models.expressions import Col
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

from djtaskq.db.features import features, is_mariadb
from djtaskq.errors import DjtaskqError


class EntangledAssignments(DjtaskqError):
    """The assignments to {columns} read one another's columns; this database assigns one after the other."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """What becomes of a row that is there already; see `upsert.Upsert`."""

    model: type[models.Model]
    key: Sequence[str]
    assign: Mapping[str, Any]
    guard: Q | Expression | None
    stable: Collection[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """Stands among a statement's parameters for the value number `position` of the row to be written."""

    position: int


Slots = Mapping[str, Slot]


class Incoming(Expression):
    """The value that an upsert was about to insert into the column of field `name`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def resolve_expression(self, query: Any = None, *_args: Any, **_kwargs: Any) -> Any:
        field = query.model._meta.get_field(self.name)
        if isinstance(query, _UpdateQuery):
            return _Given(query.slots[self.name], field)
        clone = self.copy()
        clone.output_field = field
        return clone

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[()]]:  # noqa: ARG002  the signature is Django's
        return f"EXCLUDED.{self._column(connection)}", ()

    def as_mysql(self, _compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[()]]:
        column = self._column(connection)
        return (f"VALUES({column})" if is_mariadb(connection) else f"new.{column}"), ()

    def _column(self, connection: BaseDatabaseWrapper) -> str:
        return str(connection.ops.quote_name(self.output_field.column or ""))


class _Given(Expression):
    """A value of the row to be written, in a statement that inserts nothing."""

    def __init__(self, slot: Slot, output_field: Any) -> None:
        super().__init__(output_field)
        self.slot = slot

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:  # noqa: ARG002  the signature is Django's
        return "%s", (self.slot,)


class _UpdateQuery(Query):
    """A query in which `Incoming` is a parameter, as there is no INSERT to take it from."""

    slots: Slots


class Merging:
    """One upsert's rules in the SQL of one database.

    With `slots`, for a statement that updates and inserts nothing: they are the values of the row.
    """

    def __init__(self, rules: Rules, using: str, slots: Slots | None = None) -> None:
        self.rules = rules
        self.connection = connections[using]
        self.features = features(using)
        self.query = Query(rules.model) if slots is None else _UpdateQuery(rules.model)
        if isinstance(self.query, _UpdateQuery):
            self.query.slots = slots or {}
        self.query.get_initial_alias()
        self.compiler = self.query.get_compiler(using)

    def on_conflict(self) -> tuple[str, list[Any]]:
        """What follows the rows of an INSERT."""
        listed, params = self.assignments()
        if not self.features.guarded_upsert:
            return f"ON DUPLICATE KEY UPDATE {listed}", params
        target = ", ".join(map(self.column, self.rules.key))
        tail = f"ON CONFLICT ({target}) DO UPDATE SET {listed}"
        if self.rules.guard is None:
            return tail, params
        where, where_params = self.compiled(self.rules.guard)
        return f"{tail} WHERE {where}", [*params, *where_params]

    @property
    def row_alias(self) -> str:
        """What stands between the rows of an INSERT and `on_conflict`."""
        return "" if self.features.guarded_upsert or is_mariadb(self.connection) else "AS new"

    def assignments(self) -> tuple[str, list[Any]]:
        """What follows SET; the guard is in it where a database has no other place for it."""
        assigned = list(self._assigned())
        return ", ".join(sql for sql, _ in assigned), [param for _, more in assigned for param in more]

    def table(self) -> str:
        return self._quoted(self.rules.model._meta.db_table)

    def column(self, name: str) -> str:
        return self._quoted(self.field(name).column)

    def field(self, name: str) -> Any:
        return self.rules.model._meta.get_field(name)

    def _assigned(self) -> Iterator[tuple[str, Sequence[Any]]]:
        expressions = self.rules.assign
        if not self.features.guarded_upsert and self.rules.guard is not None:
            expressions = {
                name: Case(
                    When(self.rules.guard, then=expression), default=F(name), output_field=self.field(name)
                )
                for name, expression in expressions.items()
            }
        names = expressions if self.features.simultaneous_assignment else self._readers_first(expressions)
        for name in names:
            sql, params = self.compiled(expressions[name])
            yield f"{self.column(name)} = {sql}", params

    def _readers_first(self, expressions: Mapping[str, Any]) -> list[str]:
        """An order in which no expression reads a column that was already assigned."""
        after = {
            name: {
                reader
                for reader, expression in expressions.items()
                if name not in self.rules.stable
                and reader != name
                and self.field(name).column in self._columns_read(expression)
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

    def compiled(self, expression: Any) -> tuple[str, Sequence[Any]]:
        """An expression over a stored row, as SQL and parameters."""
        resolved = expression.resolve_expression(self.query, allow_joins=False, for_save=True)
        sql, params = self.compiler.compile(resolved)
        return sql, params

    def _quoted(self, name: str) -> str:
        return str(self.connection.ops.quote_name(name))


def _nodes(expression: Any) -> Iterator[Any]:
    yield expression
    for child in expression.get_source_expressions():
        if child is not None:
            yield from _nodes(child)
