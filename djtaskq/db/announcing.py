"""Telling waiting processes that a row is there, where the database carries messages (PostgreSQL).

A NOTIFY makes commits queue for one lock of the whole server, and the writer waits for one more round trip.
So there is none unless somebody waits, and the statement that stores a row finds out by the way:

- a process that waits holds a *shared* advisory lock on each of the buckets that its ids fall into, or, if
  these are many, the one that stands for all;
- a writer tries the *exclusive* one in its RETURNING clause, and gives it back at once. If it cannot be had,
  somebody waits for an id in this bucket.

A waiter takes its lock and only then looks. That leaves the writer whose statement had asked and was not
committed yet: a waiter looks once more a moment later, and now and then for as long as it waits.
"""

from collections.abc import Collection
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, F
from django.db.models.sql.compiler import SQLCompiler

from djtaskq.db.features import features

CHANNEL = "djtaskq"
# Advisory locks are one space for all programs on a database; a number that nobody else will think of.
SPACE = 1_685_352_817
# Held by who waits for so many that there would be too many locks: of a session, the server has room for
# max_locks_per_transaction (64 unless changed) on average.
EVERYTHING = -1
MOST_HELD = 32
# NOTIFY takes no more than 8,000 bytes.
_LONGEST = 1_500


class IsAwaited(Expression):
    """Whether a process waits for the id in the column of field `name`. For a RETURNING clause."""

    output_field = models.BooleanField()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self._column: Any = F(name)

    def get_source_expressions(self) -> list[Any]:
        return [self._column]

    def set_source_expressions(self, exprs: Any) -> None:
        (self._column,) = exprs

    def as_postgresql(self, compiler: SQLCompiler, _connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        column, _ = compiler.compile(self._column)
        return f"{_is_held(EVERYTHING)} OR {_is_held(_bucket_of(column))}", ()


def _is_held(key: object) -> str:
    # A CASE, since AND promises no order.
    locked, freed = (f"pg_{what}({SPACE}, {key})" for what in ("try_advisory_lock", "advisory_unlock"))
    return f"CASE WHEN {locked} THEN NOT {freed} ELSE true END"


def _bucket_of(column: str) -> str:
    """`bucket` in SQL: cheap to parse, and with 4,096 values for UUIDs, which end in hexadecimal digits."""
    digits = (f"((ascii(right({column}, {place + 1})) & 31) << {5 * place})" for place in range(3))
    return " + ".join(digits)


def bucket(name: str) -> int:
    """One of 32,768 buckets that an id falls into."""
    return sum((ord(name[-place - 1 :][:1] or "\0") & 31) << 5 * place for place in range(3))


def buckets_to_hold(wanted: Collection[int]) -> set[int]:
    """What who waits for these buckets is to hold."""
    return {EVERYTHING} if len(wanted) > MOST_HELD else set(wanted)


def announce(name: str, *, using: str) -> None:
    """Tell those who wait that something happened to `name`.

    Inside a transaction they would hear of it only when that ends, so there it does nothing.
    """
    if not features(using).notifications or connections[using].in_atomic_block or len(name) > _LONGEST:
        return
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, name])
