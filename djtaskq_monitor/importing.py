"""Taking over what django-celery-monitor and djcelery recorded, from their tables as they are."""

import copy
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from celery import Celery
from django.apps.registry import Apps
from django.db import connections, models, router
from django.utils import timezone

from djtaskq_monitor.models import TaskState, WorkerState
from djtaskq_monitor.recording import expiry, given, values
from djtaskq_monitor.recording.events import STATE_LENGTH, Change

# The prefix that each package gives to its tables.
PACKAGES = {"celery_monitor": "django-celery-monitor", "djcelery": "djcelery"}
_AT_ONCE = 1_000
_TAKEN = ("name", "args", "kwargs", "eta", "expires", "result", "traceback", "runtime", "retries")

Told = Callable[[int], object]
Ages = Mapping[str, dt.datetime | None]


@dataclasses.dataclass(kw_only=True, slots=True)
class Found:
    """How many rows of a package are taken over, and how many are not.

    `expired`: tasks whose time has come by the settings. `unusable`: rows whose id is none.
    """

    package: str
    workers: int = 0
    tasks: int = 0
    expired: int = 0
    unusable: int = 0


class Source:
    """The tables of one package in one database."""

    def __init__(self, prefix: str, using: str) -> None:
        self.package = PACKAGES[prefix]
        self.using = using
        self._tasks, self._workers = _models(prefix)

    def __len__(self) -> int:
        return sum(model.objects.using(self.using).count() for model in (self._tasks, self._workers))

    def take_over(self, app: Celery, *, dry_run: bool, told: Told) -> Found:
        """Merge all rows into ours; to do so again changes nothing.

        `told` hears of how many more rows were looked at.
        """
        found = Found(package=self.package)
        hostnames = self._take_workers(found, dry_run=dry_run, told=told)
        kept_since = {kind: _kept_since(app, kind) for kind in expiry.KINDS}
        for rows in self._pages(self._tasks):
            changes = [each for each in (_task(row, hostnames, kept_since, found) for row in rows) if each]
            if changes and not dry_run:
                TaskState.objects.using(router.db_for_write(TaskState)).merge(changes)
            found.tasks += len(changes)
            told(len(rows))
        return found

    def _take_workers(self, found: Found, *, dry_run: bool, told: Told) -> dict[int, str]:
        """Their names by their keys."""
        hostnames: dict[int, str] = {}
        for rows in self._pages(self._workers):
            changes = []
            for row in rows:
                hostname = values.identifier(row.hostname)
                if hostname is None:
                    found.unusable += 1
                    continue
                hostnames[row.pk] = hostname
                changes.append(_worker(hostname, row.last_heartbeat))
            if not dry_run:
                WorkerState.objects.using(router.db_for_write(WorkerState)).merge(changes)
            found.workers += len(changes)
            told(len(rows))
        return hostnames

    def _pages(self, model: Any) -> Iterator[list[Any]]:
        last = 0
        while page := list(model.objects.using(self.using).filter(pk__gt=last).order_by("pk")[:_AT_ONCE]):
            yield page
            last = page[-1].pk


def sources(using: str) -> list[Source]:
    """What there is to be taken over from a database."""
    tables = set(connections[using].introspection.table_names())
    return [
        Source(prefix, using)
        for prefix in PACKAGES
        if {f"{prefix}_taskstate", f"{prefix}_workerstate"} <= tables
    ]


def _models(prefix: str) -> tuple[Any, Any]:
    """Models of the columns that both packages have; no app has them."""
    registry = Apps()
    text, moment = models.TextField(null=True), models.DateTimeField(null=True)
    tasks = {
        "state": models.CharField(max_length=64),
        "task_id": models.CharField(max_length=36),
        "tstamp": models.DateTimeField(),
        "runtime": models.FloatField(null=True),
        "retries": models.IntegerField(),
        "worker_id": models.BigIntegerField(null=True),
        "hidden": models.BooleanField(),
        **{name: copy.copy(text) for name in ("name", "args", "kwargs", "result", "traceback")},
        **{name: copy.copy(moment) for name in ("eta", "expires")},
    }
    workers = {"hostname": models.CharField(max_length=255), "last_heartbeat": copy.copy(moment)}
    return _model(registry, prefix, "taskstate", tasks), _model(registry, prefix, "workerstate", workers)


def _model(registry: Apps, prefix: str, name: str, fields: Mapping[str, Any]) -> Any:
    options = {"apps": registry, "app_label": prefix, "db_table": f"{prefix}_{name}", "managed": False}
    body = {"__module__": __name__, "Meta": type("Meta", (), options), **fields}
    return type(name, (models.Model,), body)


def _kept_since(app: Celery, kind: str) -> dt.datetime | None:
    age = expiry.lifetime(app, kind)
    return None if age is None else timezone.now() - age


def _worker(hostname: str, heartbeat: dt.datetime | None) -> Change:
    return {"hostname": hostname} if heartbeat is None else given.worker_change(hostname, heartbeat)


def _task(row: Any, hostnames: Mapping[int, str], kept_since: Ages, found: Found) -> Change | None:
    task_id, state = values.identifier(row.task_id), values.label(row.state, STATE_LENGTH)
    if task_id is None or state is None:
        found.unusable += 1
        return None
    since = kept_since[expiry.kind(state)]
    if row.hidden or (since is not None and row.tstamp < since):
        found.expired += 1
        return None
    fields = {name: getattr(row, name) for name in ("tstamp", *_TAKEN)}
    fields["worker"] = hostnames.get(row.worker_id)
    return given.task_change(state, task_id, fields)
