"""What one task counts for, as a function of its row alone.

Statistics are the sum of what all rows count for. A write changes a row from what it was to what it is, and
adds the difference. So they are as exact as the rows: events that come twice, late, in any order or through
several cameras change nothing in the end.

A task that is tried again counts once for each time that it was sent, received, started and retried; it ends
once, when its last attempt did. All of it counts for the name, queue and worker that the row has.

The columns of a row here are those of a change: times in whole microseconds.
"""

import re
from collections.abc import Mapping
from typing import Any

from djtaskq_monitor.recording import repeats
from djtaskq_monitor.statistics.histogram import bucket
from djtaskq_monitor.statistics.tally import STATES, Cells, Label, Tally

MICRO = 1_000_000
MINUTE = 60 * MICRO
# Seconds. Nobody believes more, and sums must fit their columns.
LONGEST = 366 * 86_400
_NUMBERS = {state: number for number, state in enumerate(STATES)}
# What of a row makes a difference to the statistics.
COLUMNS = (*STATES, "name", "queue", "worker", "eta", "retries", "runtime", "repeats", "exception")
# As much of an exception's text as its class is looked for in.
EXCEPTION_READ = 100
UNKNOWN_EXCEPTION = "UnknownException"
_CLASS = re.compile(r"[\w.]+(?=\()")

Row = Mapping[str, Any]


def add_difference(tally: Tally, before: Row | None, after: Row) -> None:
    """Add to `tally` what a row counts for beyond what it did before."""
    if before is None:
        _add(tally, after, 1)
    elif any(before.get(column) != after.get(column) for column in COLUMNS):
        _add(tally, before, -1)
        _add(tally, after, 1)


def wait(sent: int | None, eta: int | None, started: int | None, *, retries: int | None) -> int | None:
    """How long, in microseconds, the attempt that started waited since it was sent, or since its ETA.

    None while that cannot be known: without `task-sent`, and while a retry is sent and not yet started.
    A first attempt that started before it was sent says that two clocks differ: no wait.
    """
    if sent is None or started is None:
        return None
    if started < sent and retries:
        return None
    return max(0, started - max(sent, eta or 0))


def exception_class(text: str | None) -> str:
    """The class of an exception, without its module, of its representation (`KeyError('x')`)."""
    found = _CLASS.match((text or "")[:EXCEPTION_READ])
    return (found.group().rpartition(".")[2] if found else "") or UNKNOWN_EXCEPTION


def _add(tally: Tally, row: Row, step: int) -> None:
    get = row.get
    name, queue = get("name") or "", get("queue") or ""
    by_worker = tally.cells(Label(name, queue, get("worker") or ""))
    by_client = tally.cells(Label(name, queue, ""))
    for number, state in enumerate(STATES):
        at = get(state)
        if at is not None:
            (by_worker if number else by_client)[at // MINUTE].states[number] += step
    if get("failed") is not None:
        counts, kind = by_worker[row["failed"] // MINUTE].exceptions, exception_class(get("exception"))
        counts[kind] = counts.get(kind, 0) + step
    if get("repeats"):
        for state, times in repeats.read(row["repeats"]).items():
            number = _NUMBERS[state]
            for at in times:
                (by_worker if number else by_client)[at // MINUTE].states[number] += step
    _add_durations(by_worker, row, step)


def _add_durations(cells: Cells, row: Row, step: int) -> None:
    get = row.get
    runtime, succeeded, started = get("runtime"), get("succeeded"), get("started")
    if runtime is not None and succeeded is not None:
        microseconds = round(min(max(0.0, runtime), LONGEST) * MICRO)
        cell, number = cells[succeeded // MINUTE], bucket(microseconds)
        cell.runtime += step * microseconds
        cell.runtimes[number] = cell.runtimes.get(number, 0) + step
    waited = wait(get("sent"), get("eta"), started, retries=get("retries"))
    if waited is not None and started is not None:
        waited = min(waited, LONGEST * MICRO)
        cell, number = cells[started // MINUTE], bucket(waited)
        cell.wait += step * waited
        cell.waits[number] = cell.waits.get(number, 0) + step
