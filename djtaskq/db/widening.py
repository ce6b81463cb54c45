"""Primary keys of 32 bits: how far they are used up, and making them 64 bits wide."""

import dataclasses
import time
from typing import Any

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

INT_MAX = 2**31 - 1
BIGINT_MAX = 2**63 - 1

# Enough for a rate that holds, few enough to be through in a second or two.
SAMPLE = 20_000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeyRange:
    """The primary key of one table: the last one given out and the largest there can be.

    `rows` and `size` (bytes, with the indexes) are the database's own estimates.
    """

    table: str
    last: int
    largest: int
    rows: int
    size: int

    @property
    def used(self) -> float:
        return self.last / self.largest

    @property
    def wide(self) -> bool:
        return self.largest > INT_MAX


def key_range(model: type[models.Model], using: str) -> KeyRange | None:
    """What the catalogue says, without a look at the rows; None for keys that come from elsewhere.

    SQLite's keys have 64 bits whatever their column is called.
    """
    table = model._meta.db_table
    connection = connections[using]
    query = {"postgresql": _POSTGRESQL, "mysql": _MYSQL}.get(connection.vendor)
    if query is None:
        return None
    # MySQL's server may answer from what it remembered yesterday.
    with connection.cursor() as cursor:
        if connection.vendor == "mysql" and not getattr(connection, "mysql_is_mariadb", False):
            cursor.execute("SET SESSION information_schema_stats_expiry = 0")
        name = connection.ops.quote_name(table) if connection.vendor == "postgresql" else table
        facts = {"table": name, "column": model._meta.pk.column, "narrow": INT_MAX, "wide": BIGINT_MAX}
        cursor.execute(query, facts)
        found = cursor.fetchone()
    if found is None or found[0] is None:
        return None
    last, largest, rows, size = (int(number or 0) for number in found)
    return KeyRange(table=table, last=last, largest=largest, rows=max(rows, 0), size=size)


def seconds_locked(model: type[models.Model], known: KeyRange, using: str) -> float:
    """About how long `widen` will lock the table, from doing the same to a copy of some of its rows."""
    sample = "djtaskq_widening"
    connection = connections[using]
    table, quoted = _names(model, connection)
    temporary = "TEMP" if connection.vendor == "postgresql" else "TEMPORARY"
    like = f"(LIKE {table} INCLUDING ALL)" if connection.vendor == "postgresql" else f"LIKE {table}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE {temporary} TABLE {sample} {like}")
        try:
            cursor.execute(f"INSERT INTO {sample} SELECT * FROM {table} LIMIT {SAMPLE}")  # noqa: S608
            copied = cursor.rowcount
            start = time.perf_counter()
            cursor.execute(_alteration(sample, quoted, connection))
            took = time.perf_counter() - start
        finally:
            cursor.execute(f"DROP {'' if connection.vendor == 'postgresql' else temporary} TABLE {sample}")
    return took * max(1.0, known.rows / copied) if copied else took


def widen(model: type[models.Model], using: str, *, lock_seconds: float) -> None:
    """Make the key 64 bits wide. The table is rewritten, and locked against every reader and writer.

    Waits `lock_seconds` at most for its lock, since all others wait behind it; then a conflict
    (`djtaskq.db.retry`) is raised, and nothing has changed.
    """
    connection = connections[using]
    table, column = _names(model, connection)
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@SESSION.lock_wait_timeout")
            before = cursor.fetchone()[0]
            cursor.execute("SET SESSION lock_wait_timeout = %s", [max(1, round(lock_seconds))])
            try:
                cursor.execute(_alteration(table, column, connection))
            finally:
                cursor.execute("SET SESSION lock_wait_timeout = %s", [before])
        return
    with transaction.atomic(using), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{round(1000 * lock_seconds)}ms"])
        cursor.execute(_alteration(table, column, connection))
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, model._meta.pk.column])
        (sequence,) = cursor.fetchone()
        cursor.execute(f"ALTER SEQUENCE {sequence} AS bigint")


def _alteration(table: str, column: str, connection: BaseDatabaseWrapper) -> str:
    if connection.vendor == "mysql":
        return f"ALTER TABLE {table} MODIFY {column} bigint NOT NULL AUTO_INCREMENT"
    return f"ALTER TABLE {table} ALTER COLUMN {column} TYPE bigint"


def _names(model: type[models.Model], connection: BaseDatabaseWrapper) -> tuple[str, str]:
    quote: Any = connection.ops.quote_name
    return quote(model._meta.db_table), quote(model._meta.pk.column)


# By what depends on the column: a function that is asked for its sequence fails where there is no table.
_POSTGRESQL = """
SELECT
    CASE
        WHEN has_sequence_privilege(numbers.seqrelid, 'SELECT, USAGE')
        THEN coalesce(pg_sequence_last_value(numbers.seqrelid), 0)
    END,
    least(numbers.seqmax, CASE keys.atttypid WHEN 'bigint'::regtype THEN %(wide)s ELSE %(narrow)s END),
    tables.reltuples,
    pg_total_relation_size(tables.oid)
FROM pg_class AS tables
JOIN pg_attribute AS keys ON keys.attrelid = tables.oid AND keys.attname = %(column)s
JOIN pg_depend AS owned
    ON owned.refobjid = tables.oid AND owned.refobjsubid = keys.attnum
    AND owned.refclassid = 'pg_class'::regclass AND owned.classid = 'pg_class'::regclass
JOIN pg_sequence AS numbers ON numbers.seqrelid = owned.objid
WHERE tables.oid = to_regclass(%(table)s)
"""

_MYSQL = """
SELECT
    coalesce(tables.AUTO_INCREMENT, 1) - 1,
    CASE fields.DATA_TYPE WHEN 'bigint' THEN %(wide)s ELSE %(narrow)s END,
    tables.TABLE_ROWS,
    tables.DATA_LENGTH + tables.INDEX_LENGTH
FROM information_schema.TABLES AS tables
JOIN information_schema.COLUMNS AS fields USING (TABLE_SCHEMA, TABLE_NAME)
WHERE tables.TABLE_SCHEMA = DATABASE() AND tables.TABLE_NAME = %(table)s AND fields.COLUMN_NAME = %(column)s
"""
