"""What one task counts for, as a function of its row alone.

Statistics are the sum of what all rows count for. A write changes a row from what it was to what it is, and
adds the difference. So they are as exact as the rows: events that come twice, late, in any order or through
several cameras change nothing in the end.

A task that is tried again counts once for each time that it was sent, received, started and retried; it ends
once, when its last attempt did. All of it counts for the name, queue and worker that the row has.

The columns of a row here are those of a change: times in whole microseconds.
"""

from collections.abc import Mapping
from typing import Any

from djtaskq_monitor.recording import repeats
from djtaskq_monitor.statistics.histogram import bucket
from djtaskq_monitor.statistics.tally import STATES, Label, Tally

MICRO = 1_000_000
MINUTE = 60 * MICRO
# Seconds. Nobody believes more, and sums must fit their columns.
LONGEST = 366 * 86_400
_NUMBERS = {state: number for number, state in enumerate(STATES)}
# What of a row makes a difference to the statistics.
COLUMNS = (*STATES, "name", "queue", "worker", "eta", "retries", "runtime", "repeats")

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


def _add(tally: Tally, row: Row, step: int) -> None:
    name, queue = row.get("name") or "", row.get("queue") or ""
    by_worker = Label(name, queue, row.get("worker") or "")
    by_client = Label(name, queue, "")
    for number, state in enumerate(STATES):
        at = row.get(state)
        if at is not None:
            label = by_worker if number else by_client
            tally.cell(label, at // MINUTE).states[number] += step
    for state, times in repeats.read(row.get("repeats")).items():
        label = by_worker if _NUMBERS[state] else by_client
        for at in times:
            tally.cell(label, at // MINUTE).states[_NUMBERS[state]] += step
    _add_durations(tally, row, by_worker, step)


def _add_durations(tally: Tally, row: Row, label: Label, step: int) -> None:
    runtime, succeeded, started = row.get("runtime"), row.get("succeeded"), row.get("started")
    if runtime is not None and succeeded is not None:
        microseconds = round(min(max(0.0, runtime), LONGEST) * MICRO)
        cell, number = tally.cell(label, succeeded // MINUTE), bucket(microseconds)
        cell.runtime += step * microseconds
        cell.runtimes[number] = cell.runtimes.get(number, 0) + step
    waited = wait(row.get("sent"), row.get("eta"), started, retries=row.get("retries"))
    if waited is not None and started is not None:
        waited = min(waited, LONGEST * MICRO)
        cell, number = tally.cell(label, started // MINUTE), bucket(waited)
        cell.wait += step * waited
        cell.waits[number] = cell.waits.get(number, 0) + step
