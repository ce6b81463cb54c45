"""The limits of a worker's tasks, as `registered` tells them: `name [soft_time_limit=5.0 time_limit=10]`."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from djtaskq_monitor.control.asking import Question

ATTRIBUTES = ("rate_limit", "soft_time_limit", "time_limit")
QUESTION = Question(method="registered", arguments={"taskinfoitems": list(ATTRIBUTES)})
_INFO = re.compile(rf"^(?P<name>.*?)(?: \[(?P<info>(?:{'|'.join(ATTRIBUTES)})=.*)\])?$", re.DOTALL)
_PART = re.compile(rf"(?:^| )({'|'.join(ATTRIBUTES)})=(.*?)(?=$| (?:{'|'.join(ATTRIBUTES)})=)", re.DOTALL)


class Limits(NamedTuple):
    """A task's own limits, seconds for times; None where it has none and the worker's hold."""

    name: str
    rate: str | None = None
    soft: float | None = None
    hard: float | None = None


def read(told: Iterable[object]) -> dict[str, Limits]:
    """The limits by task name."""
    return {limits.name: limits for limits in map(_one, told)}


def _one(told: object) -> Limits:
    found = _INFO.match(str(told))
    if found is None:  # the expression takes any text
        return Limits(str(told))
    parts = dict(_PART.findall(found["info"] or ""))
    return Limits(
        found["name"],
        parts.get("rate_limit"),
        _seconds(parts.get("soft_time_limit")),
        _seconds(parts.get("time_limit")),
    )


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
