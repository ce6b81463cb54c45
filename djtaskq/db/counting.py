"""Counting rows as they are inserted: each once, however often it is brought."""

import dataclasses
import functools
import re
from typing import Any

from django.db import IntegrityError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# Without its length: a cast would cut what the column is to refuse.
_LENGTH = re.compile(r"\(.*\)")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CountOnce:
    """Change a counter with each row of `model` that is new.

    The counter is `field` in that row of `counter` whose field `shared` has the row's own value of the same
    field. `shared` is unique in `counter`; `key` names the fields of a unique constraint of `model`.

    Whoever counts locks the counter first, and with the first statement of the transaction: nobody waits in
    a circle, and whoever has waited sees what was left to him, under REPEATABLE READ too.
    """

    model: type[models.Model]
    key: tuple[str, ...]
    counter: type[models.Model]
    field: str
    shared: str

    def add(self, row: models.Model, step: int, *, using: str) -> int | None:
        """The count as it stands when `row` was counted; None if there is no counter for it.

        The counter changes by `step` and `row` is inserted; or neither, where it is there already, and where
        the count is zero, which ends the counting. One statement where the database can do it; else as few
        as it can do with, in one transaction.
        """
        connection = connections[using]
        shared = str(getattr(row, self.shared))
        values = [
            field.get_db_prep_save(field.pre_save(row, True), connection=connection)
            for field in _inserted(self.model)
        ]
        if connection.vendor != "postgresql":
            return _one_by_one(self, shared, step, values, connection)
        with connection.cursor() as cursor:
            cursor.execute(_sql(self, using).at_once, [shared, *values, step])
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
    count, shared = (name(_column(counting.counter, field)) for field in (counting.field, counting.shared))
    columns = ", ".join(name(field.column) for field in fields)
    key = ", ".join(name(_column(counting.model, field)) for field in counting.key)
    cast = ", ".join(f"%s::{_LENGTH.sub('', str(field.cast_db_type(connection)))}" for field in fields)
    open_counter = f"WHERE {shared} = %s AND {count} > 0"
    return _Sql(
        # Each part reads from the one before: nothing else would put them in that order.
        at_once=f"""
            WITH counter AS MATERIALIZED (
                SELECT {shared}, {count} FROM {table} WHERE {shared} = %s FOR UPDATE
            ), added AS (
                INSERT INTO {inserted} ({columns}) SELECT {cast} FROM counter WHERE {count} > 0
                ON CONFLICT ({key}) DO NOTHING RETURNING 1
            ), counted AS (
                UPDATE {table} AS stored SET {count} = stored.{count} + %s FROM counter, added
                WHERE stored.{shared} = counter.{shared} RETURNING stored.{count}
            )
            SELECT COALESCE(counted.{count}, counter.{count}) FROM counter LEFT JOIN counted ON TRUE
        """,  # noqa: S608
        count=f"UPDATE {table} SET {count} = {count} + %s {open_counter}",  # noqa: S608
        count_and_tell=f"UPDATE {table} SET {count} = LAST_INSERT_ID({count} + %s) {open_counter}",  # noqa: S608
        tell=f"SELECT {count} FROM {table} WHERE {shared} = %s",  # noqa: S608
        insert=f"INSERT INTO {inserted} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})",  # noqa: S608
    )


def _one_by_one(
    counting: CountOnce, shared: str, step: int, values: list[Any], connection: BaseDatabaseWrapper
) -> int | None:
    sql = _sql(counting, connection.alias)
    left: int | None = None
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            left = _counted(sql, shared, step, cursor, connection)
            if left is None:
                cursor.execute(sql.tell, [shared])
                return _first(cursor)
            cursor.execute(sql.insert, values)
    except IntegrityError:
        if left is None:
            raise
        return left - step  # the row is there, and the step is rolled back
    return left


def _counted(
    sql: _Sql, shared: str, step: int, cursor: Any, connection: BaseDatabaseWrapper
) -> int | None:
    """The count after the step; None where there is no counter, or one that is at its end."""
    if connection.vendor == "mysql":
        cursor.execute(sql.count_and_tell, [step, shared])
        return cursor.lastrowid if cursor.rowcount else None
    cursor.execute(sql.count, [step, shared])
    if not cursor.rowcount:
        return None
    cursor.execute(sql.tell, [shared])
    return _first(cursor)


def _first(cursor: Any) -> int | None:
    found = cursor.fetchone()
    return None if found is None else int(found[0])


def _inserted(model: type[models.Model]) -> list[Any]:
    """The fields that an INSERT gives values to: all but the primary key, which the database draws."""
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _column(model: type[models.Model], field: str) -> str:
    return str(model._meta.get_field(field).column)  # type: ignore[union-attr]
