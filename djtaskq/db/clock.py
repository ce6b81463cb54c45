"""The database's clock: the one clock that every process of a fleet shares."""

import datetime as dt
from typing import Any

from django.db import connections
from django.db.models import Func

from djtaskq.db.fields import InstantField, from_microseconds


class DatabaseNow(Func):
    """The instant at which the statement began, by the database's clock; compares with an `InstantField`.

    Free of every time-zone setting: each database is asked for the time that has passed since the epoch.
    """

    template = "%(expression)s"
    arity = 0
    output_field = InstantField()

    def as_postgresql(self, *_: Any, **_context: Any) -> tuple[str, tuple[()]]:
        return "CAST(EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP()) * 1000000 AS bigint)", ()

    def as_mysql(self, *_: Any, **_context: Any) -> tuple[str, tuple[()]]:
        return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))", ()

    def as_sqlite(self, *_: Any, **_context: Any) -> tuple[str, tuple[()]]:
        return "CAST(ROUND((JULIANDAY('now') - 2440587.5) * 86400000000.0) AS INTEGER)", ()


def now(using: str) -> dt.datetime:
    """The database's time as an aware UTC datetime; one statement."""
    connection = connections[using]
    sql, params = getattr(DatabaseNow(), f"as_{connection.vendor}")()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        return from_microseconds(int(cursor.fetchone()[0]))
