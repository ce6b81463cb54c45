"""How a task ended, asked without knowing who knows.

An app that stores what became of tasks registers a reader in its `ready()`; an app that shows or acts on
it asks here. Neither imports the other.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from django.utils.functional import SimpleLazyObject

from djtaskq.task_progress import Progress


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A page about the task."""

    label: str
    url: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What is known of one task.

    `state` is one of Celery's or a custom one; the times are aware; `runtime` is in seconds.
    `progress` is how far a task that has not ended says it is, without secrets.
    """

    state: str
    started: dt.datetime | None = None
    finished: dt.datetime | None = None
    runtime: float | None = None
    error: str = ""
    links: tuple[Link, ...] = ()
    progress: Progress | None = None


def links_when_read(find: Callable[[], tuple[Link, ...]]) -> tuple[Link, ...]:
    """Links that are looked for when somebody reads them: most who ask for outcomes show no page."""
    return cast("tuple[Link, ...]", SimpleLazyObject(find))


Reader = Callable[[Sequence[str]], Mapping[str, Outcome]]

_readers: dict[str, tuple[int, Reader]] = {}


def register(name: str, reader: Reader, *, order: int = 100) -> None:
    """Ask `reader` for outcomes from now on.

    A reader takes task ids and returns what it knows by task id, in one round trip. Where two readers know
    a task, the lower `order` wins and the others fill in what it left open. Registering a name again
    replaces its reader.
    """
    _readers[name] = (order, reader)


def anybody_knows() -> bool:
    """Whether there is any reader: without one, no task is ever known to have ended."""
    return bool(_readers)


def outcomes_of(task_ids: Iterable[str]) -> dict[str, Outcome]:
    """What is known of these tasks, by task id; a task that nobody knows is missing."""
    wanted = list(dict.fromkeys(task_ids))
    merged: dict[str, Outcome] = {}
    if not wanted:
        return merged
    for _, reader in sorted(_readers.values(), key=lambda entry: entry[0]):
        for task_id, outcome in reader(wanted).items():
            merged[task_id] = _filled(merged[task_id], outcome) if task_id in merged else outcome
    return merged


def _filled(known: Outcome, other: Outcome) -> Outcome:
    return dataclasses.replace(
        known,
        started=known.started or other.started,
        finished=known.finished or other.finished,
        runtime=known.runtime if known.runtime is not None else other.runtime,
        error=known.error or other.error,
        links=links_when_read(lambda: known.links + other.links),
        progress=known.progress if known.finished else known.progress or other.progress,
    )
