"""What django-celery-monitor 1.1 does with a snapshot, written out: its columns, and its work for each row.

A row is looked for and locked, made if it is not there, and then saved with what it already has; the next
snapshot saves it again. All of that is done task by task.
"""

import datetime as dt
from typing import Any

from django.db import connections, models, transaction


class Worker(models.Model):
    hostname = models.CharField(max_length=255, unique=True)
    last_heartbeat = models.DateTimeField(null=True, db_index=True)
    last_update = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "benchmarks"

    def __str__(self) -> str:
        return self.hostname


class Task(models.Model):
    state = models.CharField(max_length=64, db_index=True)
    task_id = models.CharField(max_length=36, unique=True)
    name = models.CharField(max_length=200, null=True, db_index=True)  # noqa: DJ001  as the peer's is
    tstamp = models.DateTimeField(db_index=True)
    args = models.TextField(null=True)  # noqa: DJ001  as the peer's is
    kwargs = models.TextField(null=True)  # noqa: DJ001  as the peer's is
    eta = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)
    result = models.TextField(null=True)  # noqa: DJ001  as the peer's is
    traceback = models.TextField(null=True)  # noqa: DJ001  as the peer's is
    runtime = models.FloatField(null=True)
    retries = models.IntegerField(default=0)
    worker = models.ForeignKey(Worker, models.CASCADE, null=True)
    hidden = models.BooleanField(default=False, db_index=True)

    class Meta:
        app_label = "benchmarks"

    def __str__(self) -> str:
        return self.task_id


def create(alias: str) -> None:
    with connections[alias].schema_editor() as editor:
        editor.create_model(Worker)
        editor.create_model(Task)


def write(state: Any, alias: str) -> None:
    """One snapshot of a `celery.events.state.State`."""
    for worker in state.workers.values():
        _worker(worker, alias)
    for task in state.tasks.values():
        # The task's worker first, once more: its row is what the task's refers to.
        fields = {
            "state": task.state,
            "name": task.name,
            "tstamp": _time(task.timestamp),
            "args": task.args,
            "kwargs": task.kwargs,
            "result": task.result or task.exception,
            "traceback": task.traceback,
            "runtime": task.runtime,
            "worker": _known_worker(task.worker, alias),
        }
        _locked_or_made(Task, alias, fields, task_id=task.uuid)


def _worker(worker: Any, alias: str) -> Worker:
    heartbeat = _time(worker.heartbeats[-1]) if worker.heartbeats else None
    return _locked_or_made(Worker, alias, {"last_heartbeat": heartbeat}, hostname=worker.hostname)


def _known_worker(worker: Any, alias: str) -> Worker:
    # Locked for a look whether its row is too old, which it is not.
    with transaction.atomic(using=alias):
        return Worker.objects.using(alias).select_for_update().get(hostname=worker.hostname)


def _locked_or_made(model: Any, alias: str, fields: dict[str, Any], **key: str) -> Any:
    rows = model.objects.using(alias)
    with transaction.atomic(using=alias):
        row = rows.select_for_update().filter(**key).first()
        if row is None:
            with transaction.atomic(using=alias):
                row = rows.create(**key, **fields)
        for name, value in fields.items():
            setattr(row, name, value)
        row.save(using=alias)
    return row


def _time(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
