"""Whether everything is all right, asked without knowing who knows.

An app that runs something (beats, cameras, a store) registers a reader in its `ready()`; the dashboard, the
health check and the metrics ask here. Neither imports the other.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable, Iterable

from django.urls import NoReverseMatch, reverse


class Level(enum.IntEnum):
    """How bad it is; the greater, the worse. UNUSED is what nobody has begun to use."""

    UNUSED = 0
    WELL = 1
    WARNING = 2
    BAD = 3


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Vital:
    """One thing to look at.

    `name` is a word for machines (`beats`, `missed_runs`), `label` the same for people; `said` is one
    sentence that says how it stands, and what to do if it does not stand well. `value` is its figure, `since`
    the instant that its age is counted from (a last tick, a last write), `url` the page behind it.
    """

    name: str
    label: str
    level: Level
    said: str
    value: float | None = None
    since: dt.datetime | None = None
    url: str = ""


Reader = Callable[[], Iterable[Vital]]

_readers: dict[str, tuple[int, Reader]] = {}


def register(name: str, reader: Reader, *, order: int = 100) -> None:
    """Ask `reader` from now on; vitals stand in the order of their readers.

    A reader answers at once and at a cost that does not grow with its tables: dashboards ask every few
    seconds. Registering a name again replaces its reader.
    """
    _readers[name] = (order, reader)


def vitals() -> list[Vital]:
    """All that is known."""
    readers = sorted(_readers.values(), key=lambda entry: entry[0])
    return [vital for _order, reader in readers for vital in reader()]


def page(name: str, **query: str) -> str:
    """The URL of an admin page (`djtaskq_beat_beat_changelist`); empty in a process without the admin."""
    try:
        return reverse(f"admin:{name}", query=query or None)
    except NoReverseMatch:
        return ""
