"""Task and group results on django-celery-results' tables: one statement to write, one to read."""

import functools
from collections.abc import Collection, Mapping
from typing import Any

from celery.states import PENDING, READY_STATES, SUCCESS
from django.db import IntegrityError
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django_celery_results.models import GroupResult, TaskResult

from djtaskq.conf import conf
from djtaskq.db.announcing import IsAwaited
from djtaskq.db.anyof import AnyOf, batches
from djtaskq.db.single import SingleUpsert
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_results import chords, details
from djtaskq_results.chords import Counted, Part
from djtaskq_results.database import reading_from, writing_to
from djtaskq_results.rows import LENGTHS, Row, task_key
from djtaskq_results.states import Ended, Gate

Columns = Mapping[str, Any]

# Replaced by every write.
_LATEST = ("status", "result", "traceback", "meta", "content_type", "content_encoding", "date_done")
# Kept by a write that does not know them: a revocation knows the id alone.
_LASTING = ("task_name", "task_args", "task_kwargs", "periodic_task_name", "worker", "date_started")
_ASSIGN = {
    **{name: Incoming(name) for name in _LATEST},
    **{name: Coalesce(Incoming(name), F(name)) for name in _LASTING},
}

_GROUP = Upsert(
    GroupResult,
    key=["group_id"],
    assign={name: Incoming(name) for name in ("result", "content_type", "content_encoding", "date_done")},
)

# Its setting for MySQL's short keys shortens some of them.
LENGTHS.update(
    {
        field.name: field.max_length
        for field in TaskResult._meta.fields
        if field.name in LENGTHS and field.max_length
    }
)

META_COLUMNS = (
    *("task_id", "status", "result", "traceback", "meta", "content_type", "content_encoding"),
    *("date_done", "task_name", "task_args", "task_kwargs", "worker", "periodic_task_name"),
)

_ENDED = Q(status__in=sorted(READY_STATES - {SUCCESS}))
_READY = Q(status__in=sorted(READY_STATES))


def save(row: Row, gate: Gate, *, detail: Row | None = None, known: bool = False) -> bool:
    """Write a task's state (`rows.task_row`), unless `gate` keeps the one that is there.

    `detail` (`details.detail_row`) is written with it or left out with it. `known`: the task has most likely
    a row already. True if somebody waits for what was written.
    """
    upsert = _through(gate, asking=row["status"] in READY_STATES and conf().RESULTS_PUSH)
    return writing_to(TaskResult, lambda using: upsert.write(row, beside=detail, using=using, known=known))


def save_part(
    row: Row, gate: Gate, part: Part, *, detail: Row | None = None, known: bool = False
) -> tuple[bool, Counted | None]:
    """As `save`, and in the same transaction count the part of a chord that the task is.

    Whoever is killed has done both or neither: a part whose result is there and which was not counted would
    never be counted, since a worker whose task has succeeded does not run it again. None if it was counted
    before, or belongs to no chord that is counted.
    """
    upsert = _through(gate, asking=row["status"] in READY_STATES and conf().RESULTS_PUSH)

    def work(using: str) -> tuple[bool, Counted | None]:
        counted = chords.part_row(part)
        try:
            awaited, left = upsert.write_and_count(
                row, chords.COUNTED, counted, -1, beside=detail, using=using, known=known
            )
        except IntegrityError:
            return upsert.write(row, beside=detail, using=using, known=known), None
        return awaited, None if left is None else Counted.of(left)

    return writing_to(TaskResult, work)


def load(task_id: object, *, seconds: float | None = None) -> Columns | None:
    """The columns that Celery asks for, or None for a task that nobody has written about."""
    rows = load_many([task_key(task_id)], None, seconds=seconds)
    return rows[0] if rows else None


def load_many(
    task_ids: Collection[str], states: Collection[str] | None, *, seconds: float | None = None
) -> list[Columns]:
    """The same columns for those of these tasks that are in one of `states`, in any if that is None."""

    def work(using: str) -> list[Columns]:
        rows = TaskResult.objects.using(using).order_by()
        if states is not None:
            rows = rows.filter(status__in=sorted(states))
        return [
            row
            for ids in batches({task_key(task_id) for task_id in task_ids}, using=using)
            for row in rows.filter(AnyOf("task_id", ids)).values(*META_COLUMNS)
        ]

    return reading_from(TaskResult, work, seconds=seconds)


def exists(task_id: object) -> bool:
    return reading_from(
        TaskResult, lambda using: TaskResult.objects.using(using).filter(task_id=task_key(task_id)).exists()
    )


def forget(task_id: object) -> None:
    writing_to(
        TaskResult, lambda using: TaskResult.objects.using(using).filter(task_id=task_key(task_id)).delete()
    )
    if details.wanted():
        details.forget_details([task_key(task_id)])


def save_group(row: Row) -> None:
    """Write a group's members: `group_id`, `result`, `content_type`, `content_encoding`."""
    writing_to(
        GroupResult,
        lambda using: _GROUP.write([GroupResult(**row)], using=using),
    )


def load_group(group_id: object) -> Columns | None:
    columns = ("group_id", "result", "content_type", "content_encoding", "date_done")

    def work(using: str) -> list[Columns]:
        return list(GroupResult.objects.using(using).filter(group_id=task_key(group_id)).values(*columns))

    rows = reading_from(GroupResult, work)
    return rows[0] if rows else None


def delete_group(group_id: object) -> None:
    writing_to(
        GroupResult,
        lambda using: GroupResult.objects.using(using).filter(group_id=task_key(group_id)).delete(),
    )


@functools.cache
def _through(gate: Gate, *, asking: bool) -> SingleUpsert:
    upsert = Upsert(
        TaskResult,
        key=["task_id"],
        assign=_ASSIGN,
        guard=_guard(gate),
        # The one gate that asks for date_started lets STARTED pass, and once it is set it stays so: the
        # answer is the same before and after.
        stable=["date_started"],
    )
    return SingleUpsert(
        upsert,
        beside=details.UPSERT,
        witness=("status", "date_done"),
        asking=IsAwaited("task_id") if asking else None,
    )


def _guard(gate: Gate) -> Q:
    """`states.gives_way` in SQL."""
    unready = ~_READY if gate.unready else Q(status=PENDING)
    if gate.ended is Ended.NONE:
        return unready
    if gate.ended is Ended.ALL:
        return unready | _ENDED
    return unready | (_ENDED & Q(date_started__isnull=gate.ended is Ended.NOT_STARTED))
