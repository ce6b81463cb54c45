"""The times at which a task reached a state that each attempt reaches again; all but the latest.

As text: `sent:1790000000000000 started:1790000000000000,1790000060000000`. The same times are the same text.
"""

from collections.abc import Iterable
from typing import Any

# Of each state: a task that is tried more often has forgotten its first attempts.
MOST = 100

Times = dict[str, set[int]]


def merge(columns: Iterable[str], known: dict[str, Any], change: dict[str, Any]) -> None:
    """Take into `known` what `change` says of earlier times; to be done before those columns are merged."""
    times: Times = {}
    for column in columns:
        at, before = change.get(column), known.get(column)
        if at is not None and before is not None and at != before:
            times[column] = {min(at, before)}
    more, held = change.get("repeats"), known.get("repeats")
    if times or (more is not None and more != held):
        for text in (more, held):
            for column, found in read(text).items():
                times.setdefault(column, set()).update(found)
        known["repeats"] = write(times)


def read(text: str | None) -> Times:
    """The times by column."""
    times: Times = {}
    for part in (text or "").split():
        column, _, listed = part.partition(":")
        times[column] = set(map(int, listed.split(",")))
    return times


def write(times: Times) -> str:
    """The latest `MOST` of each column."""
    return " ".join(
        f"{column}:{','.join(map(str, sorted(times[column])[-MOST:]))}" for column in sorted(times)
    )
