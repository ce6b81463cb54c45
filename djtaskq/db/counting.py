"""Counting rows as they are inserted: each once, however often it is brought."""

import contextlib
import dataclasses
import functools
from typing import Any

from django.db import IntegrityError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from djtaskq.db.merging import Slot
from djtaskq.db.prepared import Statement
from djtaskq.db.values import unbounded_type


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CountOnce:
    """Change a counter with each row of `model` that is new; its unique constraint says which is not.

    The counter is `field` in that row of `counter` whose field `shared`, unique there, has the row's own
    value of the same field.

    The counter is changed first, so that all who count wait for its row, and nobody in a circle; and by an
    UPDATE that has read nothing before, so that REPEATABLE READ holds on to nothing that was.
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
        single = connection.vendor == "postgresql" and not connection.in_atomic_block
        with (
            contextlib.suppress(IntegrityError),
            contextlib.nullcontext() if single else transaction.atomic(using=using),
        ):
            left = self.count(row, step, connection)
            if left is not None:
                return left
        with connection.cursor() as cursor:
            cursor.execute(_sql(self, using).tell, [getattr(row, self.shared)])
            return _first(cursor.fetchone())

    def count(self, row: models.Model, step: int, connection: BaseDatabaseWrapper) -> int | None:
        """The count after the step; None if there is none to change. To be called inside of a transaction.

        Raises IntegrityError if `row` is there already: what was done is to be rolled back.
        """
        sql, values = _sql(self, connection.alias), self.values(row, step, connection)
        if connection.vendor == "postgresql":
            return _first(sql.at_once.row(values, connection))
        changing, inserted = values[:2], values[2:]
        with connection.cursor() as cursor:
            cursor.execute(sql.count_and_tell if connection.vendor == "mysql" else sql.count, changing)
            if not cursor.rowcount:
                return None
            left: int | None = cursor.lastrowid
            if connection.vendor != "mysql":
                cursor.execute(sql.tell, changing[1:])
                left = _first(cursor.fetchone())
            cursor.execute(sql.insert, inserted)
        return left

    def values(self, row: models.Model, step: int, connection: BaseDatabaseWrapper) -> list[Any]:
        """What fills the slots of `halves`."""
        prepared = [
            field.get_db_prep_save(field.pre_save(row, True), connection) for field in _inserted(self.model)
        ]
        return [step, getattr(row, self.shared), *prepared]

    def halves(self, name: str, first: int, connection: BaseDatabaseWrapper) -> tuple[Statement, Statement]:
        """Parts of a larger statement: what counts and gives the count, to be called `name`; what inserts.

        Their slots begin with number `first`.
        """
        sql, slots = (
            _sql(self, connection.alias),
            [Slot(first + n) for n in range(2 + len(_inserted(self.model)))],
        )
        counting = Statement(sql.count_returning, slots[:2])
        return counting, Statement(sql.insert_from.format(name=name), slots[2:])


@dataclasses.dataclass(frozen=True, slots=True)
class _Sql:
    at_once: Statement
    count: str
    count_returning: str
    count_and_tell: str
    tell: str
    insert: str
    insert_from: str


@functools.cache
def _sql(counting: CountOnce, using: str) -> _Sql:
    """The statements for one database; no value stands in any of them."""
    connection = connections[using]
    name = connection.ops.quote_name
    fields = _inserted(counting.model)
    table, inserted = name(counting.counter._meta.db_table), name(counting.model._meta.db_table)
    count, shared = (_column(counting.counter, field, name) for field in (counting.field, counting.shared))
    columns = ", ".join(name(field.column) for field in fields)
    cast = ", ".join(f"%s::{unbounded_type(field, connection)}" for field in fields)
    update = f"UPDATE {table} SET {count} = {count} + %s WHERE {shared} = %s AND {count} > 0"  # noqa: S608
    returning = f"{update} RETURNING {count}"
    insert_from = f"INSERT INTO {inserted} ({columns}) SELECT {cast} FROM {{name}}"  # noqa: S608
    return _Sql(
        # Cheaper by half than to lock, insert and then count: a database plans this longer than it runs it.
        at_once=Statement(
            f"WITH counted AS ({returning}) {insert_from.format(name='counted')}"  # noqa: S608
            f" RETURNING (SELECT {count} FROM counted)",
            [Slot(number) for number in range(2 + len(fields))],
        ),
        count=update,
        count_returning=returning,
        count_and_tell=update.replace(f"{count} + %s", f"LAST_INSERT_ID({count} + %s)"),
        tell=f"SELECT {count} FROM {table} WHERE {shared} = %s",  # noqa: S608
        insert=f"INSERT INTO {inserted} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})",  # noqa: S608
        insert_from=insert_from,
    )


def _first(row: tuple[Any, ...] | None) -> int | None:
    return None if row is None else int(row[0])


def _inserted(model: type[models.Model]) -> list[Any]:
    """The fields that an INSERT gives values to: all but the primary key, which the database draws."""
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _column(model: type[models.Model], field: str, name: Any) -> str:
    return str(name(model._meta.get_field(field).column))  # type: ignore[union-attr]
