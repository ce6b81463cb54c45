"""Verbs on the rows: the merge that the camera writes with, and django-celery-monitor's on top of it."""

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, router
from django.db.models import F
from django.utils import timezone

from djtaskq.db.fields import from_microseconds
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_monitor.recording import given, writing
from djtaskq_monitor.recording.assignments import assignments
from djtaskq_monitor.recording.events import Change
from djtaskq_monitor.recording.merge import TASK, WORKER

if TYPE_CHECKING:
    from djtaskq_monitor.models import TaskState, WorkerState

    _TaskStates = models.QuerySet[TaskState]
    _WorkerStates = models.QuerySet[WorkerState]
else:  # generic for the type checker alone
    _TaskStates = _WorkerStates = models.QuerySet

DELETED_AT_ONCE = 1_000
# Columns of django-celery-monitor's: Django's own type of a time, which heeds USE_TZ.
_DATETIMES = frozenset(("tstamp", "eta", "expires", "last_heartbeat"))


class _Extended:
    def select_for_update_or_create(
        self: Any, defaults: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> tuple[Any, bool]:
        """`update_or_create`: it has come to lock the row by itself."""
        row, created = self.update_or_create(defaults, **kwargs)
        return row, created


class TaskStateQuerySet(_Extended, _TaskStates):
    def merge(self, changes: Iterable[Change]) -> None:
        """Merge changes to different tasks into their rows, and count them in the statistics; all or none.

        One statement for up to 1,000, and two for all of them.
        """
        _merge_tasks(self.model, changes, _written_to(self))

    def active(self) -> "TaskStateQuerySet":
        """Tasks that no expiry has hidden."""
        return self.filter(hidden=False)

    def expired(
        self,
        states: Iterable[str],
        expires: dt.timedelta | float,
        nowfun: Callable[[], dt.datetime] = timezone.now,
    ) -> "TaskStateQuerySet":
        """Tasks in one of `states` whose last event is `expires` (seconds) old or older."""
        age = expires if isinstance(expires, dt.timedelta) else dt.timedelta(seconds=expires)
        return self.filter(state__in=list(states), tstamp__lte=nowfun() - age)

    def expire_by_states(self, states: Iterable[str], expires: dt.timedelta | float | None) -> int | None:
        """Hide them until `purge()`, as django-celery-monitor does; None expires nothing.

        The camera does not do that: to hide a row costs as much as to write it.
        """
        return None if expires is None else self.expired(states, expires).update(hidden=True)

    def purge(self) -> int:
        """Delete what is hidden; returns how many there were."""
        return self.filter(hidden=True).delete_in_batches()

    def delete_in_batches(self, most: int | None = None) -> int:
        """Delete these rows, about `most` of them, in transactions so small that nobody waits for one."""
        deleted = 0
        while most is None or deleted < most:
            ids = list(self.order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE])
            if not ids:
                break
            # Asked once more: a task may have gone on since.
            deleted += self.filter(pk__in=ids).order_by().delete()[0]
        return deleted

    def update_state(self, state: str, task_id: str, defaults: Mapping[str, Any]) -> "TaskState":
        """Merge a state with its fields into the task's row; returns the row as it is then.

        `defaults` are fields of the model; its `tstamp` is when the state was reached, now if it is missing.
        """
        using = _written_to(self)
        _merge_tasks(self.model, [given.task_change(state, task_id, defaults)], using)
        return self.using(using).get(task_id=task_id)


class WorkerStateQuerySet(_Extended, _WorkerStates):
    def merge(self, changes: Iterable[Change]) -> None:
        """Merge changes to different workers into their rows, one statement for up to 1,000."""
        _merge_workers(self.model, changes, _written_to(self))

    def update_heartbeat(self, hostname: str, heartbeat: dt.datetime, update_freq: float) -> "WorkerState":
        """Note a worker's sign of life, unless its row was written in the last `update_freq` seconds."""
        using = _written_to(self)
        recent = timezone.now() - dt.timedelta(seconds=update_freq)
        known = self.using(using).filter(hostname=hostname, last_update__gte=recent).first()
        if known is not None:
            return known
        _merge_workers(self.model, [given.worker_change(hostname, heartbeat)], using)
        return self.using(using).get(hostname=hostname)


TaskStateManager = models.Manager.from_queryset(TaskStateQuerySet, "TaskStateManager")
WorkerStateManager = models.Manager.from_queryset(WorkerStateQuerySet, "WorkerStateManager")


def _written_to(rows: models.QuerySet[Any]) -> str:
    """The alias that `using()` chose, or else the one that the router writes to."""
    chosen: str | None = getattr(rows, "_db", None)
    return chosen or router.db_for_write(rows.model)


def _merge_tasks(model: type[models.Model], changes: Iterable[Change], using: str) -> None:
    writing.write(list(changes), _upsert_tasks(model), functools.partial(_instance, model), using=using)


def _merge_workers(model: type[models.Model], changes: Iterable[Change], using: str) -> None:
    _upsert_workers(model).write([_instance(model, change) for change in changes], using=using)


@functools.cache
def _upsert_tasks(model: type[models.Model]) -> Upsert:
    assign = assignments(TASK, model) | {"writes": F("writes") + 1}
    return Upsert(model, key=[TASK.key], assign=assign)


@functools.cache
def _upsert_workers(model: type[models.Model]) -> Upsert:
    assign = assignments(WORKER, model) | {"last_update": Incoming("last_update")}
    return Upsert(model, key=[WORKER.key], assign=assign)


def _instance(model: type[models.Model], change: Change) -> models.Model:
    """What `model(**change)` would be; to make that takes longer than a database takes to write a row."""
    row = model.__new__(model)
    values = row.__dict__
    values.update(_defaults(model))
    values.update(change)
    for name in _DATETIMES & change.keys():
        values[name] = _datetime(values[name])
    if "worker" in change:
        values["worker_id"] = values.pop("worker")
    return row


@functools.cache
def _defaults(model: type[models.Model]) -> Mapping[str, Any]:
    return {field.attname: field.get_default() for field in model._meta.concrete_fields}


def _datetime(instant: int | None) -> dt.datetime | None:
    if instant is None:
        return None
    aware = from_microseconds(instant)
    return aware if settings.USE_TZ else timezone.make_naive(aware)
