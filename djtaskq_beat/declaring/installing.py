"""Rows made, changed and disabled, so that they say what the entries do."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db import models, transaction
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from djtaskq.db.claims import claim
from djtaskq.db.clock import DatabaseNow
from djtaskq_beat.declaring.entries import Wanted
from djtaskq_beat.declaring.installed import SCHEDULE, Installed, undeclared
from djtaskq_beat.declaring.specs import MODELS, Spec
from djtaskq_beat.models import DeclaredTask, NextRun


def install(entry: Wanted, row: Installed | None, using: str) -> bool:
    """Make or change the row of `entry`; returns whether it could, False if somebody holds the row now.

    A row whose edits are kept is not overwritten. One that was disabled since its entry was gone is enabled.
    To be called in `declaring`; raises what is wrong with the entry, and has written nothing then.
    """
    with transaction.atomic(using=using):
        return _make(entry, using) if row is None else _change(entry, row, using)


class Removed(NamedTuple):
    """The names of the tasks that were disabled; whether there are `more`, and some in somebody's hands."""

    names: Sequence[str] = ()
    more: bool = False
    busy: bool = False


def remove(names: Collection[str], most: int, using: str) -> Removed:
    """Disable up to `most` tasks that were declared and are no more; to be called in `declaring`.

    A task that was disabled before is nobody's but its operator's from now on.
    """
    pks = list(undeclared(names, using).values_list("pk", flat=True)[:most])
    if not pks:
        return Removed()
    tasks = PeriodicTask._default_manager.using(using)
    held = claim(tasks.filter(pk__in=pks).order_by("pk").only("name", "enabled"), most)
    # Asked once more, now that nobody else has the rows: an operator may have said that they are to be kept.
    ours = DeclaredTask.objects.using(using).filter(keep_edits=False, pk__in=[task.pk for task in held])
    removed = set(ours.values_list("pk", flat=True))
    enabled = {task.pk: task.name for task in held if task.pk in removed and task.enabled}
    ours.exclude(pk__in=list(enabled)).delete()
    if enabled:
        ours.filter(pk__in=list(enabled)).update(removed_at=DatabaseNow())
        tasks.filter(pk__in=list(enabled)).update(enabled=False)
        NextRun.objects.using(using).filter(pk__in=list(enabled)).mark_changed()
        PeriodicTasks.update_changed()
    return Removed(sorted(enabled.values()), more=len(pks) == most, busy=len(held) < len(pks))


def _make(entry: Wanted, using: str) -> bool:
    columns = {**entry.columns, entry.spec.kind: _schedule_row(entry.spec, using)}
    task = PeriodicTask(name=entry.name, **columns)
    task.save(using=using)
    _mark_declared(task.pk, using)
    return True


def _change(entry: Wanted, row: Installed, using: str) -> bool:
    held = claim(PeriodicTask._default_manager.using(using).filter(pk=row.pk).order_by("pk"), 1)
    if not held:
        return False
    kept = DeclaredTask.objects.using(using).filter(pk=row.pk, keep_edits=True).exists()
    changes = {} if kept else _changes(entry, row, using)
    if row.removed_at is not None:
        changes.setdefault("enabled", True)
    if changes:
        task = held[0]
        for column, value in changes.items():
            setattr(task, column, value)
        task.save(using=using, update_fields=[*changes, "date_changed"])
    _mark_declared(row.pk, using)
    return True


def _changes(entry: Wanted, row: Installed, using: str) -> dict[str, Any]:
    differences = row.differences(entry)
    changes = {column: wanted for column, (_, wanted) in differences.items() if column != SCHEDULE}
    if SCHEDULE in differences:
        changes |= dict.fromkeys(MODELS) | {entry.spec.kind: _schedule_row(entry.spec, using)}
    return changes


def _schedule_row(spec: Spec, using: str) -> models.Model:
    """A row that says the same, made if there is none; those that others use are never changed."""
    rows = MODELS[spec.kind]._default_manager.using(using)
    return rows.filter(**spec.columns).order_by("pk").first() or rows.create(**spec.columns)


def _mark_declared(pk: int, using: str) -> None:
    DeclaredTask.objects.using(using).update_or_create(pk=pk, defaults={"removed_at": None})
