"""Workers, by their names."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from pydantic import BaseModel

from djtaskq.db.text import storable
from djtaskq_monitor.api.v1 import cursors
from djtaskq_monitor.api.v1.described import operation
from djtaskq_monitor.api.v1.given import Cursor, Limit, aware
from djtaskq_monitor.api.workers import VIEW, known_worker
from djtaskq_monitor.models import WorkerState

_PLAIN = ("first_seen", "offline_since", "pid", "active", "processed", "clock_drift")


class Worker(BaseModel):
    """A worker as its events show it; `status` is online, offline (it said so) or lost (it is silent).

    `load` is over 1, 5 and 15 minutes, `heartbeat_every` in seconds; `queues` is null until it was asked.
    """

    name: str
    status: str
    first_seen: dt.datetime | None
    last_heartbeat: dt.datetime | None
    offline_since: dt.datetime | None
    heartbeat_every: float | None
    clock_drift: float | None
    pid: int | None
    active: int | None
    processed: int | None
    load: list[float]
    queues: list[str] | None
    software: str | None
    version: str | None
    system: str | None


class Workers(BaseModel):
    workers: list[Worker]
    next: str | None


@operation("GET", "/workers", VIEW, Workers)
def workers(request: HttpRequest, cursor: Cursor, limit: Limit) -> dict[str, Any]:  # noqa: ARG001  ninja's signature
    """All workers that the cameras know of, those that are gone too, by name."""
    place = cursors.read(cursor, "workers", str)
    rows = WorkerState.objects.order_by("hostname")
    found = list((rows.filter(hostname__gt=place[0]) if place else rows)[: limit + 1])
    more, now = len(found) > limit, timezone.now()
    found = found[:limit]
    return {
        "workers": [_as_dict(row, now) for row in found],
        "next": cursors.write("workers", found[-1].hostname) if more else None,
    }


@operation("GET", "/workers/{path:name}", VIEW, Worker)
def worker(request: HttpRequest, name: str) -> dict[str, Any]:  # noqa: ARG001  ninja's signature
    """One worker."""
    return _as_dict(known_worker(storable(name)), timezone.now())


def _as_dict(row: WorkerState, now: dt.datetime) -> dict[str, Any]:
    return {
        "name": row.hostname,
        "status": row.status(now),
        "last_heartbeat": aware(row.last_heartbeat),
        "heartbeat_every": row.freq,
        "load": row.loadavg,
        "queues": None if row.queues is None else row.queue_names,
        "software": row.sw_ident,
        "version": row.sw_ver,
        "system": row.sw_sys,
        **{name: getattr(row, name) for name in _PLAIN},
    }
