"""What pages and other apps ask of the rows."""

import datetime as dt
from collections.abc import Mapping, Sequence

from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from djtaskq.outcomes import Link, Outcome
from djtaskq_monitor.models import CameraState, TaskState, WorkerState

_OUTCOME = (
    "pk",
    "task_id",
    "state",
    "runtime",
    "exception",
    "started",
    "succeeded",
    "failed",
    "revoked",
    "rejected",
    "cancelled",
)


def outcomes_of(task_ids: Sequence[str]) -> Mapping[str, Outcome]:
    """How these tasks stand by their events; one statement."""
    return {
        task.task_id: _outcome(task)
        for task in TaskState.objects.filter(task_id__in=task_ids).only(*_OUTCOME)
    }


def _outcome(task: TaskState) -> Outcome:
    return Outcome(
        state=task.state,
        started=task.started,
        finished=task.finished,
        runtime=task.runtime,
        error=(task.exception or "") if task.state == "FAILURE" else "",
        links=_links(task),
    )


def _links(task: TaskState) -> tuple[Link, ...]:
    try:
        url = reverse("admin:djtaskq_monitor_taskstate_change", args=[task.pk])
    except NoReverseMatch:  # a project without the admin
        return ()
    return (Link(label=_("Task events"), url=url),)


def running_cameras(now: dt.datetime | None = None) -> list[CameraState]:
    """The cameras that write at present, the latest first."""
    now = now or timezone.now()
    return [camera for camera in CameraState.objects.filter(stopped=None) if camera.running(now)]


def workers_online(now: dt.datetime | None = None) -> int:
    now = now or timezone.now()
    return sum(worker.status(now) == WorkerState.ONLINE for worker in WorkerState.objects.all())
