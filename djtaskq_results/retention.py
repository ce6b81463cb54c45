"""Taking expired rows away, a few at a time: no statement holds many rows for long."""

import datetime as dt
from collections.abc import Iterator

from celery.states import FAILURE
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django_celery_results.models import GroupResult, TaskResult

from djtaskq.db.features import batch_size
from djtaskq_results import chords
from djtaskq_results.database import writing_to

BATCH = 1_000


# In all of these an age of None or zero means: never.


def expire_tasks(age: dt.timedelta | None, failures: dt.timedelta | None) -> int:
    """Delete failed results older than `failures`, and all others older than `age`."""
    if age == failures:
        return _expire(TaskResult, age, Q())
    failed = Q(status=FAILURE)
    return _expire(TaskResult, age, ~failed) + _expire(TaskResult, failures, failed)


def expire_groups(age: dt.timedelta | None) -> int:
    return _expire(GroupResult, age, Q())


def expire_chords(age: dt.timedelta | None) -> int:
    """Forget chords that never came to their end."""
    forgotten = 0
    while age and (ids := chords.begun_before(age, BATCH)):
        chords.end(ids)
        forgotten += len(ids)
    return forgotten


def _expire(model: type[models.Model], age: dt.timedelta | None, which: Q) -> int:
    if not age:
        return 0
    # The limit is taken once: rows that expire while this runs are the next run's.
    old = Q(date_done__lt=timezone.now() - age)
    return sum(_batches(model, old & which))


def _batches(model: type[models.Model], expired: Q) -> Iterator[int]:
    """Delete batch by batch, each its own transaction, and yield how many rows went."""

    def work(using: str) -> int:
        rows = model._base_manager.using(using)
        size = batch_size(using, 1, BATCH)
        ids = list(rows.filter(expired).order_by("date_done").values_list("pk", flat=True)[:size])
        if ids:
            # Through the ORM, since other people's models may point here with cascades and signals.
            rows.filter(pk__in=ids).delete()
        return len(ids)

    while deleted := writing_to(model, work):
        yield deleted
