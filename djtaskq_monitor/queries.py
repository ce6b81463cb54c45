"""What pages, the health check and other apps ask of the rows."""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from celery import states
from django.db.models import QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from djtaskq.outcomes import Link, Outcome, links_when_read
from djtaskq.timelines import Asked, Moment, Timeline
from djtaskq_monitor.models import CameraState, TaskState, WorkerState
from djtaskq_monitor.recording.order import ENDED_STATES

# What a list shows: never the columns that can be of any size.
LISTED = (
    *("task_id", "name", "state", "worker", "queue", "tstamp"),
    *("first_seen", "sent", "received", "runtime", "retries"),
)
_ENDS = ("succeeded", "failed", "revoked", "rejected", "cancelled")
# The states in the order in which a task goes through them.
TIMELINE = ("sent", "received", "started", "retried", *_ENDS)


class Health(NamedTuple):
    """Whether the monitor sees the cluster: `last_write` is the age in seconds of a camera's last write."""

    cameras: int
    last_write: float | None
    workers_online: int

    @property
    def well(self) -> bool:
        return self.cameras > 0


def listed(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.only("pk", *LISTED)


def in_state(rows: QuerySet[Any], state: str | None) -> QuerySet[Any]:
    """Rows in a state, by an index: those that have ended by `outcome`, the others by its absence."""
    if state in ENDED_STATES:
        return rows.filter(outcome=state)
    return rows.filter(outcome=None, state=state)


def by_id(task_id: str) -> TaskState | None:
    return TaskState.objects.filter(task_id=task_id).only("pk").first()


def timeline(task: TaskState) -> list[tuple[str, dt.datetime, float | None]]:
    """The states that a task reached, when, and how many seconds after the one before."""
    reached = [(name, getattr(task, name)) for name in TIMELINE if getattr(task, name)]
    reached.sort(key=lambda entry: entry[1])
    before = [None, *(at for _name, at in reached)]
    return [
        (name, at, (at - last).total_seconds() if last else None)
        for (name, at), last in zip(reached, before, strict=False)
    ]


def moments_of(asked: Asked) -> Timeline | None:
    """The states that a task reached, by its events; one statement."""
    task = TaskState.objects.filter(task_id=asked.task_id).only("task_id", *TIMELINE).first()
    if task is None:
        return None
    return Timeline(moments=tuple(Moment(name=name, at=at) for name, at, _after in timeline(task)))


def outcomes_of(task_ids: Sequence[str]) -> Mapping[str, Outcome]:
    """How these tasks stand by their events; one statement."""
    columns = ("pk", "task_id", "state", "runtime", "exception", "started", *_ENDS)
    rows = TaskState.objects.filter(task_id__in=task_ids).order_by().only(*columns)
    return {row.task_id: _outcome(row) for row in rows}


def _outcome(row: TaskState) -> Outcome:
    return Outcome(
        state=row.state,
        started=row.started,
        finished=row.finished,
        runtime=row.runtime,
        error=(row.exception or "") if row.state == states.FAILURE else "",
        links=links_when_read(functools.partial(_links, row)),
    )


def _links(row: TaskState) -> tuple[Link, ...]:
    url = page_of(row)
    return (Link(label=_("task state"), url=url),) if url else ()


def page_of(row: TaskState) -> str:
    """The URL of a task's admin page; empty in a process without the admin."""
    try:
        return reverse("admin:djtaskq_monitor_taskstate_change", args=[row.pk])
    except NoReverseMatch:
        return ""


def running_cameras(now: dt.datetime | None = None) -> list[CameraState]:
    """The cameras that write at present."""
    return [camera for camera in CameraState.objects.filter(stopped=None) if camera.running(now)]


def health() -> Health:
    now = timezone.now()
    cameras = running_cameras(now)
    writes = [camera.last_write for camera in cameras if camera.last_write]
    online = sum(worker.status(now) == WorkerState.ONLINE for worker in WorkerState.objects.all())
    return Health(len(cameras), (now - max(writes)).total_seconds() if writes else None, online)
