"""Queues, as the broker told of them last."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel

from djtaskq_monitor.api.queues import VIEW
from djtaskq_monitor.api.v1 import cursors
from djtaskq_monitor.api.v1.described import operation
from djtaskq_monitor.api.v1.given import Cursor, Limit
from djtaskq_monitor.brokers.queries import takers
from djtaskq_monitor.models import QueueState

_PLAIN = ("name", "length", "unacked", "consumers", "oldest", "told", "asked", "problem")


class Queue(BaseModel):
    """A queue; null is what the broker does not tell. `workers` are those online that take from it."""

    name: str
    length: int | None
    unacked: int | None
    consumers: int | None
    oldest: dt.datetime | None
    told: dt.datetime | None
    asked: dt.datetime | None
    problem: str
    workers: list[str]


class Queues(BaseModel):
    queues: list[Queue]
    next: str | None


@operation("GET", "/queues", VIEW, Queues)
def queues(request: HttpRequest, cursor: Cursor, limit: Limit) -> dict[str, Any]:  # noqa: ARG001  ninja's signature
    """The queues that a camera asks the broker for, by name."""
    place = cursors.read(cursor, "queues", str)
    rows = QueueState.objects.order_by("name")
    found = list((rows.filter(name__gt=place[0]) if place else rows)[: limit + 1])
    more, known = len(found) > limit, takers().by_queue if found else {}
    found = found[:limit]
    return {
        "queues": [
            {
                **{name: getattr(row, name) for name in _PLAIN},
                "workers": [worker.hostname for worker in known.get(row.name, ())],
            }
            for row in found
        ],
        "next": cursors.write("queues", found[-1].name) if more else None,
    }
