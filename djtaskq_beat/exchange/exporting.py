"""Rows as the entries of a file."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.exchange.entries import COLUMNS, Entry, entry_of

PAGE = 500


def keys_by_name(using: str, only: Collection[str] | None = None) -> list[tuple[str, int]]:
    """The names and keys of the periodic tasks, in the order of code points: the same on every database."""
    tasks = PeriodicTask._default_manager.using(using)
    if only is not None:
        tasks = tasks.filter(name__in=only)
    return sorted(tasks.values_list("name", "pk").iterator(chunk_size=10_000))


def entries(keys: Sequence[tuple[str, int]], using: str) -> Iterator[tuple[str, Entry]]:
    """The entries of `keys` in their order, read a page at a time; one statement a page."""
    for start in range(0, len(keys), PAGE):
        page = keys[start : start + PAGE]
        found = {row["pk"]: row for row in rows(using).filter(pk__in=[pk for _, pk in page])}
        for _, pk in page:
            if pk in found:
                yield found[pk]["name"], entry_of(found[pk])


def rows(using: str) -> QuerySet[PeriodicTask, dict[str, Any]]:
    """What `entry_of` needs of each row; past the fields' converters, since a zone may be unknown here."""
    zone = Cast("crontab__timezone", CharField(max_length=63))
    tasks = PeriodicTask._default_manager.using(using)
    found: QuerySet[PeriodicTask, dict[str, Any]] = tasks.annotate(zone=zone).values(*COLUMNS, "zone")
    return found
