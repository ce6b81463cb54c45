"""What a database can do. The rest of the suite asks here, never for a vendor's name."""

import dataclasses
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """One database's abilities, as far as the suite makes use of them.

    `skip_locked`: rows that another connection holds can be passed over.
    `single_writer`: one connection writes at a time, and a reader that turns writer may be refused.
    `guarded_upsert`: an upsert takes a WHERE of its own.
    `returning_upsert`: an upsert gives back the rows that it inserted or changed.
    `simultaneous_assignment`: in one UPDATE each expression sees the row as it was, whatever was assigned
    before it.
    `unnest`: arrays can stand for the columns of many rows.
    `notifications`: a connection can be told that another one did something.
    """

    skip_locked: bool
    single_writer: bool
    guarded_upsert: bool
    returning_upsert: bool
    simultaneous_assignment: bool
    unnest: bool
    notifications: bool


def features(using: str) -> Features:
    connection = connections[using]
    standard = connection.features.supports_update_conflicts_with_target
    return Features(
        skip_locked=connection.features.has_select_for_update_skip_locked,
        single_writer=connection.vendor == "sqlite",
        guarded_upsert=standard,
        returning_upsert=connection.features.can_return_rows_from_bulk_insert,
        simultaneous_assignment=standard,
        unnest=connection.vendor == "postgresql",
        notifications=connection.vendor == "postgresql",
    )


def batch_size(using: str, fields: int, most: int) -> int:
    """How many rows of `fields` values one statement may carry, `most` at the most."""
    parameters = max_parameters(connections[using])
    return max(1, min(most, parameters // max(1, fields)) if parameters else most)


def is_mariadb(connection: BaseDatabaseWrapper) -> bool:
    """MariaDB and MySQL name an upsert's new values differently."""
    return bool(getattr(connection, "mysql_is_mariadb", False))


def max_parameters(connection: Any) -> int | None:
    """How many parameters a statement takes; None where the driver sets no bound."""
    if connection.vendor == "sqlite":
        import sqlite3  # a Python built without SQLite serves the other databases

        connection.ensure_connection()
        return int(connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
    limit: int | None = connection.features.max_query_params
    return limit
