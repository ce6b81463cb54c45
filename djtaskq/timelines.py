"""What happened to a task and when, asked without knowing who knows.

An app that saw a task on its way (due, sent, received, started, ended) registers a reader in its `ready()`;
an app that shows a task asks here. Neither imports the other. `outcomes` is the same for how many tasks
ended; this is for the page of one.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable

from djtaskq.outcomes import Link


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The task that is asked about; `periodic_task` is the name of the schedule that sent it, if one did."""

    task_id: str
    periodic_task: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Something that happened to the task; `at` is aware. `name` is one of `ORDER` where one of them fits."""

    name: str
    at: dt.datetime


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """What one app knows of a task: moments in any order, and pages about where it comes from."""

    moments: tuple[Moment, ...] = ()
    links: tuple[Link, ...] = ()


Reader = Callable[[Asked], Timeline | None]

# The names that apps share, in the order in which a task goes through them.
ORDER = (
    *("due", "published", "sent", "received", "started", "retried"),
    *("succeeded", "failed", "revoked", "rejected", "cancelled"),
)

_readers: dict[str, tuple[int, Reader]] = {}


def register(name: str, reader: Reader, *, order: int = 100) -> None:
    """Ask `reader` from now on. Where two know a moment of the same name, the lower `order` wins.

    Registering a name again replaces its reader.
    """
    _readers[name] = (order, reader)


def timeline_of(asked: Asked) -> Timeline:
    """What all apps together know of a task, the earliest moment first."""
    moments: dict[str, Moment] = {}
    links: list[Link] = []
    for _, reader in sorted(_readers.values(), key=lambda entry: entry[0]):
        known = reader(asked)
        for moment in known.moments if known else ():
            moments.setdefault(moment.name, moment)
        links += known.links if known else ()
    # Clocks of several machines: what happened at the same time by them stands in its usual order.
    ordered = sorted(moments.values(), key=lambda moment: (moment.at, _place(moment.name)))
    return Timeline(moments=tuple(ordered), links=tuple(links))


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)
