"""One of Celery's events, whatever it looks like, as changes to the row of a task and of a worker.

A change is a dictionary of columns; times are whole microseconds since the epoch. `read` never raises: what
it cannot use it rejects with a reason. Times are taken as their sender gave them: to be fed with events that
Celery's receiver has not shifted by time zones.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from celery import states

from djtaskq.db.text import storable
from djtaskq_monitor.recording import order, values

Change = dict[str, Any]

NAME_LENGTH = 255
STATE_LENGTH = 64
TEXT_LENGTH = 10_000
TRACEBACK_LENGTH = 50_000
# What Celery says in place of the exception of a hard time limit, of a rejection, and of what could not be
# pickled; the traceback's last line knows better.
_PLACEHOLDER = "ExceptionWithTraceback("
_REJECT = "celery.exceptions.Reject:"


class Reading(NamedTuple):
    """What one event says; either part may be missing."""

    task: Change | None = None
    worker: Change | None = None


class Rejected(NamedTuple):
    """Why an event cannot be used."""

    reason: str


_STATES = {
    "sent": (states.PENDING, "sent"),
    "received": (states.RECEIVED, "received"),
    "started": (states.STARTED, "started"),
    "succeeded": (states.SUCCESS, "succeeded"),
    "failed": (states.FAILURE, "failed"),
    "retried": (states.RETRY, "retried"),
    "revoked": (states.REVOKED, "revoked"),
    "rejected": (states.REJECTED, "rejected"),
    "cancelled": (order.CANCELLED, "cancelled"),
}


def read(event: object, arrived: float) -> Reading | Rejected:
    """What `event` says, having arrived at `arrived` (seconds since the epoch)."""
    if not isinstance(event, dict):
        return Rejected("not an event")
    kind = event.get("type")
    if not isinstance(kind, str):
        return Rejected("no type")
    group, _, subject = kind.partition("-")
    if group not in {"task", "worker"} or not subject:
        return Rejected("unknown type")
    hostname = values.identifier(event.get("hostname"))
    if hostname is None:
        return Rejected("no hostname")
    if group == "worker":
        return _worker(event, subject, hostname, arrived)
    return _task(event, subject, hostname, arrived)


def _task(event: Mapping[str, Any], subject: str, hostname: str, arrived: float) -> Reading | Rejected:
    task_id = values.identifier(event.get("uuid"))
    if task_id is None:
        return Rejected("no task id")
    at = values.instant(event.get("timestamp"), arrived) or round(arrived * values.MICRO)
    state, column = _STATES.get(subject) or (_custom_state(subject), None)
    task: Change = {
        "task_id": task_id,
        "state": state,
        "outcome": order.outcome(state),
        "rank": order.rank(state, at),
        "tstamp": at,
        "first_seen": at,
    }
    if column is not None:
        task[column] = at
    for name, longest in (("name", NAME_LENGTH), ("root_id", NAME_LENGTH), ("parent_id", NAME_LENGTH)):
        known = values.label(event.get(name), longest)
        if known is not None:
            task[name] = known
    details = _DETAILS.get(subject)
    if details is not None:
        details(task, event, at)
    if subject == "sent":
        task["client"] = hostname
        return Reading(task)
    task["worker"] = hostname
    seen = round(arrived * values.MICRO)
    return Reading(task, {"hostname": hostname, "last_heartbeat": seen, "first_seen": seen})


def _custom_state(subject: str) -> str:
    return storable(subject, STATE_LENGTH).upper()[:STATE_LENGTH]


def _described(task: Change, event: Mapping[str, Any], at: int) -> None:
    retries = values.count(event.get("retries")) or 0
    args, kwargs = event.get("args"), event.get("kwargs")
    task["retries"] = retries
    task["args"] = values.text(args, TEXT_LENGTH)
    task["kwargs"] = values.text(kwargs, TEXT_LENGTH)
    task["eta"] = values.moment(event.get("eta"))
    task["expires"] = values.moment(event.get("expires"))
    task["described"] = order.description(retries, at, complete=args is not None and kwargs is not None)


def _sent(task: Change, event: Mapping[str, Any], at: int) -> None:
    _described(task, event, at)
    for name in ("queue", "exchange", "routing_key"):
        task[name] = values.label(event.get(name))


def _succeeded(task: Change, event: Mapping[str, Any], _at: int) -> None:
    task["runtime"] = values.number(event.get("runtime"))
    result = values.text(event.get("result"), TEXT_LENGTH)
    if result is not None:
        task["result"] = result
        task["result_key"] = order.answer(task["rank"], telling=True)


def _raised(task: Change, event: Mapping[str, Any], at: int) -> None:
    exception = values.text(event.get("exception"), TEXT_LENGTH)
    traceback = values.text(event.get("traceback"), TRACEBACK_LENGTH)
    if exception is None and traceback is None:
        return
    last_line = (traceback or "").rstrip().rpartition("\n")[2][:TEXT_LENGTH]
    if last_line.startswith(_REJECT) and task.pop("failed", None):
        _rejected(task, at)
    telling = bool(exception) and not str(exception).startswith(_PLACEHOLDER)
    if not telling and last_line:
        exception = last_line
    task["exception"] = exception
    task["traceback"] = traceback
    task["error_key"] = order.answer(task["rank"], telling=telling)
    if exception is not None:
        task["result"] = exception  # as django-celery-monitor has it: the result or the exception
        task["result_key"] = task["error_key"]


def _rejected(task: Change, at: int) -> None:
    """Celery sends `task-failed` for a task that raises Reject, with or without a `task-rejected`."""
    task["state"] = task["outcome"] = states.REJECTED
    task["rank"] = order.rank(states.REJECTED, at)
    task["rejected"] = at


_DETAILS: dict[str, Callable[[Change, Mapping[str, Any], int], None]] = {
    "sent": _sent,
    "received": _described,
    "succeeded": _succeeded,
    "failed": _raised,
    "retried": _raised,
}


def _worker(event: Mapping[str, Any], subject: str, hostname: str, arrived: float) -> Reading | Rejected:
    if subject not in {"online", "heartbeat", "offline"}:
        return Reading()  # elections are the workers' own affair
    sent_at = values.instant(event.get("timestamp"), arrived)
    seen = round(arrived * values.MICRO)
    at = sent_at or seen
    offline = subject == "offline"
    worker: Change = {
        "hostname": hostname,
        "first_seen": seen,
        "status_key": order.status(at, offline=offline),
        "offline_since": at if offline else None,
    }
    if not offline:
        worker["last_heartbeat"] = seen
    _software(worker, event, at)
    if sent_at is not None:
        worker["clock_drift"] = (sent_at - seen) / values.MICRO
    _load(worker, event, at)
    return Reading(None, worker)


def _software(worker: Change, event: Mapping[str, Any], at: int) -> None:
    for name in ("sw_ident", "sw_ver", "sw_sys"):
        worker[name] = values.label(event.get(name), STATE_LENGTH)
    worker["pid"] = values.count(event.get("pid"))
    frequency = values.number(event.get("freq"))
    worker["freq"] = frequency if frequency and frequency > 0 else None
    complete = None not in (worker["sw_ident"], worker["pid"], worker["freq"])
    worker["software_key"] = order.software(at, complete=complete)


def _load(worker: Change, event: Mapping[str, Any], at: int) -> None:
    """The answer to the command `heartbeat` has no figures: it leaves those that are known."""
    active = values.count(event.get("active"))
    processed = values.count(event.get("processed"), (1 << 53) - 1)
    if active is None or processed is None:
        return
    loads = values.numbers(event.get("loadavg"), 3) or (None, None, None)
    worker["active"], worker["processed"] = active, processed
    worker["load_1"], worker["load_5"], worker["load_15"] = loads
    worker["load_key"] = at
