"""Counting rows as they are inserted: each once, however often it is brought."""

import contextlib
import dataclasses
import functools
import re
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# Without its length: a cast would cut what the column is to refuse.
_LENGTH = re.compile(r"\(.*\)")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CountOnce:
    """Change a counter with each row of `model` that is new; its unique constraint says which is not.

    The counter is `field` in that row of `counter` whose field `shared`, unique there, has the row's own
    value of the same field.

    The counter is changed first, so that all who count wait for its row, and nobody in a circle; and by the
    first statement of the transaction, so that REPEATABLE READ holds on to nothing that was before.
    """

    model: type[models.Model]
    counter: type[models.Model]
    field: str
    shared: str

    def add(self, row: models.Model, step: int, *, using: str) -> int | None:
        """The count as it stands when `row` was counted; None if there is no counter for it.

        The counter changes by `step` and `row` is inserted; or neither, where it is there already, and where
        the count is zero, which ends the counting. One statement where the database can do it; else as few
        as it can do with, in one transaction; one more where there was nothing to count.
        """
        connection = connections[using]
        shared = str(getattr(row, self.shared))
        values = [
            field.get_db_prep_save(field.pre_save(row, True), connection=connection)
            for field in _inserted(self.model)
        ]
        sql = _sql(self, using)
        with contextlib.suppress(IntegrityError), _all_or_nothing(connection) as cursor:
            left = _counted(sql, cursor, [step, shared], values, connection.vendor)
            if left is not None:
                return left
        with connection.cursor() as cursor:
            cursor.execute(sql.tell, [shared])
            return _first(cursor)


@dataclasses.dataclass(frozen=True, slots=True)
class _Sql:
    at_once: str
    count: str
    count_and_tell: str
    tell: str
    insert: str


@functools.cache
def _sql(counting: CountOnce, using: str) -> _Sql:
    """The statements for one database; no value stands in any of them."""
    connection = connections[using]
    name = connection.ops.quote_name
    fields = _inserted(counting.model)
    table, inserted = name(counting.counter._meta.db_table), name(counting.model._meta.db_table)
    count, shared = (_column(counting.counter, field, name) for field in (counting.field, counting.shared))
    columns = ", ".join(name(field.column) for field in fields)
    cast = ", ".join(f"%s::{_LENGTH.sub('', str(field.cast_db_type(connection)))}" for field in fields)
    update = f"UPDATE {table} SET {count} = {count} + %s WHERE {shared} = %s AND {count} > 0"  # noqa: S608
    return _Sql(
        # Cheaper by half than to lock, insert and then count: a database plans this longer than it runs it.
        at_once=f"WITH counted AS ({update} RETURNING {count})"  # noqa: S608
        f" INSERT INTO {inserted} ({columns}) SELECT {cast} FROM counted"
        f" RETURNING (SELECT {count} FROM counted)",
        count=update,
        count_and_tell=update.replace(f"{count} + %s", f"LAST_INSERT_ID({count} + %s)"),
        tell=f"SELECT {count} FROM {table} WHERE {shared} = %s",  # noqa: S608
        insert=f"INSERT INTO {inserted} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})",  # noqa: S608
    )


@contextlib.contextmanager
def _all_or_nothing(connection: BaseDatabaseWrapper) -> Iterator[Any]:
    """A cursor for statements that hold together; one alone does so without the bounds of a transaction."""
    single = connection.vendor == "postgresql" and not connection.in_atomic_block
    bounds = contextlib.nullcontext() if single else transaction.atomic(using=connection.alias)
    with bounds, connection.cursor() as cursor:
        yield cursor


def _counted(sql: _Sql, cursor: Any, counting: list[Any], values: list[Any], vendor: str) -> int | None:
    """The count after the step; None where there is no counter, or one that is at its end."""
    if vendor == "postgresql":
        cursor.execute(sql.at_once, [*counting, *values])
        return _first(cursor)
    cursor.execute(sql.count_and_tell if vendor == "mysql" else sql.count, counting)
    if not cursor.rowcount:
        return None
    left: int | None = cursor.lastrowid
    if vendor != "mysql":
        cursor.execute(sql.tell, counting[1:])
        left = _first(cursor)
    cursor.execute(sql.insert, values)
    return left


def _first(cursor: Any) -> int | None:
    found = cursor.fetchone()
    return None if found is None else int(found[0])


def _inserted(model: type[models.Model]) -> list[Any]:
    """The fields that an INSERT gives values to: all but the primary key, which the database draws."""
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _column(model: type[models.Model], field: str, name: Any) -> str:
    return str(name(model._meta.get_field(field).column))  # type: ignore[union-attr]
