"""What schedules start next, asked without knowing who keeps schedules.

An app that does registers a reader in its `ready()`; whoever shows them asks here. Neither imports the other.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

_BEFORE_ALL, _BEHIND_ALL = -1, 2**63 - 1


class Place(NamedTuple):
    """A place in the order of time, right behind one run; `source` is the reader that told of it."""

    at: dt.datetime
    source: str
    key: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The next run of the schedule `name`, which sends the task `task`; `key` tells those of a time apart."""

    at: dt.datetime
    key: int
    name: str
    task: str
    source: str = ""

    @property
    def place(self) -> Place:
        return Place(self.at, self.source, self.key)


# The runs behind an instant and a key, as many as asked for, in the order of both; from the first for None.
Reader = Callable[[tuple[dt.datetime, int] | None, int], Sequence[Run]]

_readers: dict[str, tuple[str, Reader]] = {}


def register(name: str, reader: Reader, *, permission: str) -> None:
    """Ask `reader` from now on, for those who have the permission. Keys are 0 or more.

    A reader answers by an index, at a cost that goes with the number it is asked for. Registering a name
    again replaces its reader.
    """
    _readers[name] = (permission, reader)


def permissions() -> dict[str, str]:
    """By the name of each reader, the permission that somebody needs to see what it tells."""
    return {name: permission for name, (permission, _reader) in _readers.items()}


def runs(sources: Collection[str], behind: Place | None, most: int) -> list[Run]:
    """The next runs behind a place, of these readers, the first one first."""
    found = [
        dataclasses.replace(run, source=name)
        for name, (_permission, reader) in _readers.items()
        if name in sources
        for run in reader(_begin(name, behind), most)
    ]
    return sorted(found, key=lambda run: run.place)[:most]


def _begin(name: str, behind: Place | None) -> tuple[dt.datetime, int] | None:
    """Of the same instant, those of a reader that comes later by its name are all still to come."""
    if behind is None:
        return None
    if name == behind.source:
        return behind.at, behind.key
    return behind.at, _BEFORE_ALL if name > behind.source else _BEHIND_ALL
