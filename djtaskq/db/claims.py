"""Taking rows that no other process takes at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connections, models, transaction

from djtaskq.db.features import features

RowT = TypeVar("RowT")


@contextmanager
def writing(using: str) -> Iterator[None]:
    """A transaction that is a writer from its first statement on.

    Where one connection writes at a time, a transaction that has read and only then writes is refused at
    once if anybody wrote in between, however long it is willing to wait. Taking the write lock first makes
    it wait its turn.
    """
    with transaction.atomic(using=using):
        if features(using).single_writer:
            _take_write_lock(using)
        yield


def claim(queryset: models.QuerySet[Any, RowT], limit: int) -> list[RowT]:
    """Up to `limit` rows of an ordered `queryset`, locked until the transaction ends.

    Rows that another transaction holds are passed over where the database can do that, and waited for
    where it cannot. Filter and order by one index: MariaDB locks every row that it looks at, and a sort would
    look at all of them. To be called inside `writing(queryset.db)`.
    """
    able = features(queryset.db)
    locked = queryset.select_for_update(skip_locked=able.skip_locked)
    return list(locked[:limit])


def _take_write_lock(using: str) -> None:
    connection = connections[using]
    with connection.cursor() as cursor:
        # An UPDATE that matches nothing is a writer all the same.
        cursor.execute("UPDATE django_migrations SET name = name WHERE 0")
