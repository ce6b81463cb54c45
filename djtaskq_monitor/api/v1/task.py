"""One task with all that is known of it, and how any task stands by whoever knows."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel

from djtaskq.db.text import storable
from djtaskq.outcomes import outcomes_of
from djtaskq.timelines import Asked, timeline_of
from djtaskq_monitor import family
from djtaskq_monitor.api.errors import unknown
from djtaskq_monitor.api.tasks import VIEW
from djtaskq_monitor.api.v1.described import operation
from djtaskq_monitor.api.v1.given import aware
from djtaskq_monitor.api.v1.tasks import COLUMNS, Task, as_dict, redacted
from djtaskq_monitor.family import Family, Node
from djtaskq_monitor.models import TaskState

_TEXTS = ("args", "kwargs", "traceback")
_MESSAGE = ("exchange", "routing_key", "client")


class Moment(BaseModel):
    name: str
    at: dt.datetime


class Relative(BaseModel):
    """Of what no event told, only the id is known."""

    id: str
    parent: str | None
    name: str | None
    state: str | None
    runtime: float | None
    first_seen: dt.datetime | None


class WholeTask(Task):
    """`relatives` is the tree the task belongs to, from its root on; `more_relatives` that it was cut."""

    args: str | None
    kwargs: str | None
    result: str | None
    traceback: str | None
    exchange: str | None
    routing_key: str | None
    client: str | None
    timeline: list[Moment]
    relatives: list[Relative]
    more_relatives: bool


class Outcome(BaseModel):
    """How a task stands: by its stored result where there is one, else by its events."""

    id: str
    state: str
    started: dt.datetime | None
    finished: dt.datetime | None
    runtime: float | None
    error: str
    timeline: list[Moment]


@operation("GET", "/tasks/{path:task_id}", VIEW, WholeTask)
def task(request: HttpRequest, task_id: str) -> dict[str, Any]:  # noqa: ARG001  ninja's signature
    """One task, with its texts, its timeline and its relatives."""
    task_id = storable(task_id)
    rows = TaskState.objects.only("pk", *COLUMNS, "result", *_TEXTS, *_MESSAGE)
    row = rows.filter(task_id=task_id).first()
    if row is None:
        raise unknown("task", task_id)
    related = family.family_of(row)
    return {
        **as_dict(row),
        **{name: redacted(getattr(row, name)) for name in _TEXTS},
        # The table has the exception in the place of a result, too.
        "result": None if row.result == row.exception else redacted(row.result),
        **{name: getattr(row, name) for name in _MESSAGE},
        "timeline": _timeline(task_id),
        "relatives": _relatives(related),
        "more_relatives": related.cut,
    }


@operation("GET", "/outcomes/{path:task_id}", VIEW, Outcome)
def outcome(request: HttpRequest, task_id: str) -> dict[str, Any]:  # noqa: ARG001  ninja's signature
    """How a task stands, whoever knows: its result's row, its events."""
    task_id = storable(task_id)
    found = outcomes_of([task_id]).get(task_id)
    if found is None:
        raise unknown("task", task_id)
    return {
        "id": task_id,
        "state": found.state,
        "started": aware(found.started),
        "finished": aware(found.finished),
        "runtime": found.runtime,
        "error": redacted(found.error),
        "timeline": _timeline(task_id),
    }


def _timeline(task_id: str) -> list[dict[str, Any]]:
    moments = timeline_of(Asked(task_id=task_id)).moments
    return [{"name": moment.name, "at": aware(moment.at)} for moment in moments]


def _relatives(related: Family) -> list[dict[str, Any]]:
    if related.alone:
        return []
    found, waiting = [], [related.root]
    while waiting:
        node = waiting.pop(0)
        found.append(_relative(node))
        waiting += node.below
    return found


def _relative(node: Node) -> dict[str, Any]:
    row = node.row
    return {
        "id": node.task_id,
        "parent": row and row.parent_id,
        "name": row and row.name,
        "state": row and row.state,
        "runtime": row and row.runtime,
        "first_seen": row and row.first_seen,
    }
