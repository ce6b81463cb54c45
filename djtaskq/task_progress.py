"""How far a running task is, read off what it said itself. Pure.

A task says it with `self.update_state(state="PROGRESS", meta={"current": 37, "total": 120})`, or through a
library that does so. Whatever else stands in the meta is nobody's business here.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from djtaskq.db.text import storable

# Above it a figure tells a person nothing, and a float no longer counts every one.
MOST = 10**15
TEXT_LENGTH = 200

_DONE = ("current", "done")
_TEXTS = ("description", "message", "status", "text")
_PERCENT = 100


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """`done` of `total`, in whatever the task counts; the total is None where it does not know one.

    Neither is below zero, nor a total zero. A task may have done more than it thought there was.
    """

    done: float
    total: float | None = None
    text: str = ""

    @property
    def percent(self) -> int | None:
        """Whole percents from 0 to 100, rounded down: 100 is all of it."""
        if self.total is None:
            return None
        if self.done >= self.total:
            return _PERCENT
        return min(math.floor(_PERCENT * self.done / self.total), _PERCENT - 1)


def progress_of(meta: object) -> Progress | None:
    """What a task's `meta` says, or None if it says nothing that can be understood; never an error.

    The keys are `current` or `done`, with or without `total`, or `percent` alone; a `description`, `message`,
    `status` or `text` is kept on one line, cut at `TEXT_LENGTH` characters. That is Celery's own example and
    what celery-progress writes.
    """
    if not isinstance(meta, Mapping):
        return None
    done, total = _first(meta, _DONE), _number(meta.get("total")) or None
    if done is None:
        done, total = _number(meta.get("percent")), float(_PERCENT)
    if done is None:
        return None
    return Progress(done=done, total=total, text=_text(meta))


def _first(meta: Mapping[Any, Any], names: tuple[str, ...]) -> float | None:
    return next((number for name in names if (number := _number(meta.get(name))) is not None), None)


def _number(value: object) -> float | None:
    """A number from zero to `MOST`; what is below zero counts as zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value <= MOST:
        return None
    return max(value, 0)


def _text(meta: Mapping[Any, Any]) -> str:
    said = next((text for name in _TEXTS if isinstance(text := meta.get(name), str) and text.strip()), "")
    # Twice as much as is kept: what is only blanks may be of any length.
    return storable(" ".join(said[: 2 * TEXT_LENGTH].split()), TEXT_LENGTH)
