"""Fields that a caller of django-celery-monitor's managers gives, as changes."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from celery import states
from django.utils import timezone

from djtaskq.db.fields import to_microseconds
from djtaskq_monitor.recording import events, order, values
from djtaskq_monitor.recording.events import Change

_TIMES = {
    states.RECEIVED: "received",
    states.STARTED: "started",
    states.SUCCESS: "succeeded",
    states.FAILURE: "failed",
    states.RETRY: "retried",
    states.REVOKED: "revoked",
    states.REJECTED: "rejected",
    order.CANCELLED: "cancelled",
}


def task_change(state: str, task_id: str, fields: Mapping[str, Any]) -> Change:
    """A state reached at `fields["tstamp"]`, with what else of the model's fields is given."""
    at = instant(fields.get("tstamp") or timezone.now())
    ranked = order.rank(state, at)
    task: Change = {
        "task_id": task_id,
        "state": state,
        "outcome": order.outcome(state),
        "rank": ranked,
        "tstamp": at,
        "first_seen": at,
    }
    if state in _TIMES:
        task[_TIMES[state]] = at
    worker = fields.get("worker")
    if worker is not None:
        task["worker"] = getattr(worker, "hostname", worker)
    for name in ("name", "root_id", "parent_id"):
        if fields.get(name):
            task[name] = values.label(fields[name], events.NAME_LENGTH)
    if {"args", "kwargs", "eta", "expires"} & fields.keys():
        task["args"], task["kwargs"] = (_text(fields, name) for name in ("args", "kwargs"))
        task["eta"], task["expires"] = (_instant(fields.get(name)) for name in ("eta", "expires"))
        complete = task["args"] is not None and task["kwargs"] is not None
        task["described"] = order.description(fields.get("retries") or 0, at, complete=complete)
    task["retries"] = fields.get("retries") or 0
    if state == states.SUCCESS:
        task["runtime"] = fields.get("runtime")
    _answer(task, fields, ranked)
    return task


def worker_change(hostname: str, heartbeat: dt.datetime) -> Change:
    at = instant(heartbeat)
    return {"hostname": hostname, "last_heartbeat": at, "first_seen": at}


def worker_queues(hostname: str, queues: Iterable[str], asked: dt.datetime) -> Change:
    """The queues that a worker takes tasks from, by its answer to `inspect active_queues`."""
    names = sorted(name for name in (values.label(queue) for queue in queues) if name)
    return {"hostname": hostname, "queues": "\n".join(names), "queues_key": instant(asked)}


def instant(value: dt.datetime) -> int:
    return to_microseconds(timezone.make_aware(value) if timezone.is_naive(value) else value)


def _instant(value: dt.datetime | None) -> int | None:
    return None if value is None else instant(value)


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    return values.text(fields.get(name), events.TEXT_LENGTH)


def _answer(task: Change, fields: Mapping[str, Any], ranked: int) -> None:
    result, traceback = _text(fields, "result"), fields.get("traceback")
    key = order.answer(ranked, telling=True)
    if result is not None:
        task["result"], task["result_key"] = result, key
    if traceback is not None or task["state"] in {states.FAILURE, states.RETRY}:
        exception = _text(fields, "exception") or result
        task["exception"] = exception
        task["traceback"] = values.text(traceback, events.TRACEBACK_LENGTH)
        task["error_key"] = key
