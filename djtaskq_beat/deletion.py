"""Deleting many periodic tasks, at a cost for each that does not grow with their number.

django-celery-beat notes every single deletion in one row, in the transaction that deletes: each note has to
get past all those before it. Here they are deleted in batches, each in a transaction of its own, and the note
is made once, so that its own scheduler learns of it too. Everything else is as Django does it: receivers of
`pre_delete` and `post_delete` are called for each task, and what refers to it goes with it as its `on_delete`
says, with the rows of the timetable and the policy. The history of runs stays.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import models, router
from django.db.models import QuerySet, signals
from django.db.models.deletion import Collector
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from djtaskq.db.claims import writing
from djtaskq_beat.triggers import SCHEDULE_FIELDS

BATCH = 500
# Of schedules, while each deletion is noted: every note has to get past those before it.
NOTED_BATCH = 50


def delete_tasks(tasks: QuerySet[PeriodicTask], *, progress: Callable[[int], object] | None = None) -> int:
    """Delete them, in the order of their keys; returns how many there were.

    `progress` is told how many a batch deleted. What was deleted before an error or a signal stays deleted.
    """
    using = router.db_for_write(PeriodicTask)
    keys = sorted(tasks.values_list("pk", flat=True))
    deleted = 0
    try:
        for batch in _batches(keys, BATCH):
            gone = _delete_batch(batch, using)
            deleted += gone
            if progress is not None:
                progress(gone)
    finally:
        if deleted:
            PeriodicTasks.update_changed()
    return deleted


def delete_schedules(schedules: QuerySet[models.Model]) -> int:
    """Delete rows of one of the four schedules, first the tasks that use them; returns how many tasks.

    Where nobody but django-celery-beat listens to each deletion, and no table of the project's own refers to
    the rows, a batch is one statement, and all of them are one note.
    """
    model = schedules.model
    using = router.db_for_write(model)
    keys = sorted(schedules.values_list("pk", flat=True))
    at_once = _concern_nobody_else(model)
    deleted = 0
    try:
        for batch in _batches(keys, BATCH if at_once else NOTED_BATCH):
            deleted += delete_tasks(tasks_of(model, batch))
            with writing(using):
                rows = model._default_manager.using(using).filter(pk__in=batch)
                if at_once:
                    rows._raw_delete(using)  # noqa: SLF001  delete() without asking who listens
                else:
                    rows.delete()
    finally:
        if keys and at_once:
            PeriodicTasks.update_changed()
    return deleted


def tasks_of(schedule: type[models.Model], keys: Any) -> QuerySet[PeriodicTask]:
    """The periodic tasks that use rows of one of the four schedules, given their keys or a query for them."""
    kind = next(kind for kind, (model, _) in SCHEDULE_FIELDS.items() if model is schedule)
    found: QuerySet[PeriodicTask] = PeriodicTask._default_manager.filter(**{f"{kind}__in": keys})
    return found


def _concern_nobody_else(schedule: type[models.Model]) -> bool:
    """Whether of these rows only their tasks are to be deleted, and only django-celery-beat is to be told."""
    related = schedule._meta.get_fields(include_hidden=True)
    referring = {field.related_model for field in related if field.auto_created and not field.concrete}
    return referring <= {PeriodicTask} and not any(
        _others_listen(signal, schedule) for signal in (signals.pre_delete, signals.post_delete)
    )


def _others_listen(signal: signals.ModelSignal, schedule: type[models.Model]) -> bool:
    others = signals.ModelSignal()
    others.receivers = list(signal.receivers)
    others.disconnect(PeriodicTasks.update_changed, sender=schedule)
    return others.has_listeners(schedule)


def _delete_batch(keys: Sequence[int], using: str) -> int:
    with writing(using):
        # Locked first, as by whoever edits one: the collector would begin with its row of the timetable.
        chosen = PeriodicTask._default_manager.using(using).select_for_update().filter(pk__in=keys)
        tasks = list(chosen.order_by("pk"))
        for task in tasks:
            task.no_changes = True  # django-celery-beat's own word for: make no note of it
        collector = Collector(using=using, origin=chosen)
        collector.collect(tasks)
        collector.delete()
    return len(tasks)


def _batches(keys: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
