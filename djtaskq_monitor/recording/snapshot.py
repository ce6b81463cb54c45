"""Celery's in-memory `State`, as changes: for who hands one to the camera instead of events."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from djtaskq_monitor.recording import given, values
from djtaskq_monitor.recording.events import Change, Reading

_TIMES = ("sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected")
_ROUTE = ("client", "queue", "exchange", "routing_key")
_AS_THEY_ARE = (
    "name",
    "args",
    "kwargs",
    "result",
    "exception",
    "traceback",
    "runtime",
    "retries",
    "root_id",
    "parent_id",
)


def readings(state: Any) -> Iterator[Reading]:
    """What a `celery.events.state.State` knows of its workers and tasks."""
    for worker in list(state.workers.values()):
        if worker.heartbeats:
            yield Reading(None, given.worker_change(worker.hostname, _datetime(worker.heartbeats[-1])))
    for task in list(state.tasks.values()):
        if task.timestamp:
            yield Reading(_task(task))


def _task(task: Any) -> Change:
    fields = {name: getattr(task, name, None) for name in _AS_THEY_ARE}
    fields["tstamp"] = _datetime(task.timestamp)
    fields["worker"] = task.worker.hostname if task.worker else None
    for name in ("eta", "expires"):
        instant = values.moment(getattr(task, name, None))
        fields[name] = None if instant is None else _datetime(instant / values.MICRO)
    change = given.task_change(task.state, task.uuid, fields)
    times = {name: getattr(task, name, None) for name in _TIMES}
    change |= {name: round(at * values.MICRO) for name, at in times.items() if at}
    change["first_seen"] = min(change["tstamp"], *(change[name] for name in times if name in change))
    if task.sent:
        change |= {name: getattr(task, name, None) for name in _ROUTE}
        change["client"] = task.client
    return change


def _datetime(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
