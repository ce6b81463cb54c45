"""What an import would do: the file compared with the rows, before anything is written."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.declared import CLEANUP
from djtaskq_beat.errors import WrongEntries, WrongEntry
from djtaskq_beat.exchange.entries import Entry, differences, entry_of
from djtaskq_beat.exchange.exporting import PAGE, rows
from djtaskq_beat.exchange.reading import read_entry
from djtaskq_beat.exchange.rules import checked

_MOST_ERRORS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one name: `pk` and `before` are of the row that is there, if one is."""

    name: str
    entry: Entry
    pk: int | None = None
    before: Entry = dataclasses.field(default_factory=dict)

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        return differences(self.before, self.entry)


@dataclasses.dataclass(slots=True)
class Plan:
    """Which rows are to be made and which changed, and which the file does not name."""

    created: list[Change] = dataclasses.field(default_factory=list)
    changed: list[Change] = dataclasses.field(default_factory=list)
    unchanged: int = 0
    missing: list[tuple[str, int]] = dataclasses.field(default_factory=list)


def plan(
    given: Iterable[tuple[str, Any]],
    using: str,
    *,
    seek_missing: Callable[[Any], Any] | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Plan:
    """Compare; raises `WrongEntries` with all that is wrong, or the first twenty.

    `seek_missing` narrows the rows that the file may lack; None for none. `advance` hears how far it is.
    """
    found, errors, names = Plan(), list[str](), set[str]()
    now = timezone.now().astimezone(dt.UTC)
    for page in _pages(given):
        names.update(name for name, _ in page)
        existing = {row["name"]: row for row in rows(using).filter(name__in=[name for name, _ in page])}
        for name, value in page:
            try:
                _compare(found, name, read_entry(name, value), existing.get(name), now)
            except WrongEntry as error:
                errors.append(str(error))
        if len(errors) >= _MOST_ERRORS:
            break
        advance(len(page))
    if errors:
        raise WrongEntries(entries="".join(f"\n  {error}" for error in errors[:_MOST_ERRORS]))
    if seek_missing is not None:
        found.missing = _missing(names, seek_missing, using)
    return found


def _compare(found: Plan, name: str, entry: Entry, row: Any, now: dt.datetime) -> None:
    before = {} if row is None else entry_of(row)
    if row is not None and not differences(before, entry):
        found.unchanged += 1
        return
    checked(name, entry, now)
    if row is None:
        found.created.append(Change(name, entry))
    else:
        found.changed.append(Change(name, entry, row["pk"], before))


def _missing(names: set[str], narrowed: Callable[[Any], Any], using: str) -> list[tuple[str, int]]:
    """What the settings' own `beat_schedule` declares is not the file's to miss."""
    tasks = PeriodicTask._default_manager.using(using).exclude(name=CLEANUP)
    others = narrowed(tasks.filter(declared_task__isnull=True)).values_list("name", "pk")
    return sorted((name, pk) for name, pk in others.iterator(chunk_size=10_000) if name not in names)


def _pages(given: Iterable[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    walked = iter(given)
    while page := list(itertools.islice(walked, PAGE)):
        yield page
