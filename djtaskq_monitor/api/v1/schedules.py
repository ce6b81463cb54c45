"""What schedules start next, from whoever keeps schedules."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel

from djtaskq import upcoming
from djtaskq_monitor.api.errors import forbidden
from djtaskq_monitor.api.v1 import cursors
from djtaskq_monitor.api.v1.described import operation
from djtaskq_monitor.api.v1.given import Cursor, Limit


class NextRun(BaseModel):
    """`name` is the schedule's, `task` that of the task which it sends at `at`."""

    name: str
    task: str
    at: dt.datetime


class NextRuns(BaseModel):
    runs: list[NextRun]
    next: str | None


@operation("GET", "/schedules", "", NextRuns)
def schedules(request: HttpRequest, cursor: Cursor, limit: Limit) -> dict[str, Any]:
    """The next run of each schedule, the first one first."""
    call: Any = request.auth  # type: ignore[attr-defined]  # set by ninja
    allowed = {
        name: permission
        for name, permission in upcoming.permissions().items()
        if call.caller.may(permission, changes=False)
    }
    if not allowed:
        raise forbidden("This takes an app that keeps schedules, and the permission to view them.")
    place = cursors.read(cursor, "schedules", dt.datetime, str, int)
    behind = upcoming.Place(*place) if place else None
    found = upcoming.runs(allowed, behind, limit + 1)
    rows = found[:limit]
    return {
        "runs": [{"name": each.name, "task": each.task, "at": each.place.at} for each in rows],
        "next": cursors.write("schedules", *rows[-1].place) if len(found) > limit else None,
    }
