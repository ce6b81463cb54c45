"""Tasks, newest first: narrowed, searched, by pages."""

import datetime as dt
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query
from pydantic import BaseModel

from djtaskq.admin.keyset import Position
from djtaskq.redactor import redactor
from djtaskq_monitor import searching
from djtaskq_monitor.api.errors import bad
from djtaskq_monitor.api.tasks import VIEW
from djtaskq_monitor.api.v1 import cursors
from djtaskq_monitor.api.v1.described import operation
from djtaskq_monitor.api.v1.given import Cursor, Instant, Limit, Name, aware
from djtaskq_monitor.models import TaskState
from djtaskq_monitor.search import Compared, Same, SearchError, Tree, all_of

PLAIN = ("state", "name", "queue", "retries", "runtime")
TIMES = (
    *("first_seen", "sent", "received", "started", "succeeded", "failed", "retried", "revoked"),
    *("rejected", "cancelled"),
)
COLUMNS = (
    *("task_id", "worker", "root_id", "parent_id", "tstamp", "eta", "expires", "exception"),
    *(*PLAIN, *TIMES),
)
_Narrowing = Annotated[Name | None, Query(None)]


class Task(BaseModel):
    """A task by its events; null is not known, or has not happened."""

    id: str
    name: str | None
    state: str
    worker: str | None
    queue: str | None
    root: str | None
    parent: str | None
    retries: int
    runtime: float | None
    wait: float | None
    last_event: dt.datetime
    first_seen: dt.datetime | None
    sent: dt.datetime | None
    received: dt.datetime | None
    started: dt.datetime | None
    succeeded: dt.datetime | None
    failed: dt.datetime | None
    retried: dt.datetime | None
    revoked: dt.datetime | None
    rejected: dt.datetime | None
    cancelled: dt.datetime | None
    eta: dt.datetime | None
    expires: dt.datetime | None
    exception: str | None


class Covered(BaseModel):
    """How many rows were looked through at the most, and back to when if that was not to the end."""

    looked_at: int
    looked_to: dt.datetime | None


class Tasks(BaseModel):
    tasks: list[Task]
    next: str | None
    covered: Covered


@operation("GET", "/tasks", VIEW, Tasks)
def tasks(  # noqa: PLR0913, PLR0917  a parameter each
    request: HttpRequest,  # noqa: ARG001  ninja's signature
    state: _Narrowing,
    name: _Narrowing,
    worker: _Narrowing,
    queue: _Narrowing,
    root: _Narrowing,
    since: Annotated[Instant | None, Query(None, description="First seen from then on.")],
    until: Annotated[Instant | None, Query(None, description="First seen before then.")],
    q: Annotated[str | None, Query(None, max_length=1_000, description="A search in the admin's words.")],
    cursor: Cursor,
    limit: Limit,
) -> dict[str, Any]:
    """Tasks, newest first.

    A search looks through a bounded number of rows; `covered` says how far. A page may then hold less than
    `limit`, or nothing, and `next` still go on from there.
    """
    same = {"state": state, "name": name, "worker": worker, "queue": queue, "root": root}
    times = ((">=", since), ("<", until))
    tree = all_of(
        [
            *(Same(field, value) for field, value in same.items() if value is not None),
            *(Compared("seen", sign, at) for sign, at in times if at is not None),
            _searched(q),
        ]
    )
    place = cursors.read(cursor, "tasks", dt.datetime, int)
    rows = TaskState.objects.only("pk", *COLUMNS)
    found = searching.search_page(rows, tree, Position(*place) if place else None, size=limit)
    return {
        "tasks": [as_dict(row) for row in found.rows],
        "next": None if found.after is None else cursors.write("tasks", *found.after),
        "covered": {"looked_at": found.looked_at, "looked_to": found.looked_to},
    }


def as_dict(row: TaskState) -> dict[str, Any]:
    return {
        "id": row.task_id,
        "worker": row.worker_id,
        "root": row.root_id,
        "parent": row.parent_id,
        "wait": row.wait,
        "last_event": aware(row.tstamp),
        "eta": aware(row.eta),
        "expires": aware(row.expires),
        "exception": redacted(row.exception),
        **{name: getattr(row, name) for name in (*PLAIN, *TIMES)},
    }


def redacted(text: str | None) -> str | None:
    return None if text is None else redactor().text(text)


def _searched(query: str | None) -> Tree | None:
    try:
        return searching.read(query, TaskState.objects.all(), timezone.now()) if query else None
    except SearchError as error:
        raise bad(str(error)) from None
