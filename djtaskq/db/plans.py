"""Holding a database to its indexes."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

_SETTING = "enable_seqscan"


@contextmanager
def by_index(using: str) -> Iterator[None]:
    """Statements within are answered from an index where there is one that can.

    PostgreSQL expects what a filter finds to be strewn evenly, and a LIMIT to be reached soon: where the
    newest rows alone match, it reads the whole table for them. The other databases take the index anyway.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        cursor.execute(f"SELECT current_setting('{_SETTING}'), set_config('{_SETTING}', 'off', true)")
        before = cursor.fetchone()[0]
        yield
        cursor.execute(f"SELECT set_config('{_SETTING}', %s, true)", [before])
