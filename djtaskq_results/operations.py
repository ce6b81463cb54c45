"""What people do to many results: batch by batch, in the background, safe to be run twice.

An operation is done to the rows that match and are no newer than it, in the order of their keys. One runner
holds it at a time, and moves its mark after each batch: who takes over from one that died repeats a batch
at most, and each of the batches is one that may be repeated.
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from celery import Celery
from celery.states import READY_STATES
from django.db import models, router
from django.db.models import F, Max, Q, QuerySet
from django_celery_results.models import TaskResult

from djtaskq.calling import BROKER_AWAY, NotSent, send
from djtaskq.db.clock import now
from djtaskq_results import again, queries
from djtaskq_results.details import forget_details
from djtaskq_results.models import Operation, Rerun, TaskDetail

BATCH = 200
HELD = dt.timedelta(seconds=60)
# How long operations that ended, and what was run again as what, are kept.
KEPT = dt.timedelta(days=90)

_EXACT = ("status", "task_name", "worker")
Criteria = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """What became of a batch: how many were done, how many left out, and why the last of those was."""

    done: int
    skipped: int = 0
    reason: str = ""


def matching(criteria: Criteria) -> QuerySet[Any]:
    """The rows that an operation is about.

    `pks` are keys; `status`, `task_name`, `worker`, `queue` and `search` are what a list was filtered by;
    `since` and `until` are times in ISO 8601.
    """
    rows = TaskResult.objects.using(router.db_for_write(TaskResult)).order_by()
    if "pks" in criteria:
        return rows.filter(pk__in=criteria["pks"])
    rows = rows.filter(**{name: criteria[name] for name in _EXACT if name in criteria})
    for name, lookup in (("since", "date_done__gte"), ("until", "date_done__lt")):
        if name in criteria:
            rows = rows.filter(**{lookup: dt.datetime.fromisoformat(criteria[name])})
    if "queue" in criteria:
        rows = queries.on_queue(rows, criteria["queue"])
    return queries.search(rows, criteria["search"]) if "search" in criteria else rows


def newest_key() -> int:
    rows = TaskResult.objects.using(router.db_for_write(TaskResult)).order_by()
    return int(rows.aggregate(newest=Max("pk"))["newest"] or 0)


def begin(
    kind: str, criteria: Criteria, *, options: Mapping[str, Any], username: str, last_pk: int
) -> Operation:
    """Record what is to be done; nothing is done yet."""
    using = router.db_for_write(Operation)
    at = now(using)
    _forget_old(using, at)
    return Operation.objects.using(using).create(
        kind=kind,
        criteria=dict(criteria),
        options=dict(options),
        username=username,
        last_pk=last_pk,
        created_at=at,
    )


def proceed(operation_id: uuid.UUID, app: Celery) -> None:
    """Go through what is left, as long as nobody else does; raises the broker's errors where that is away."""
    using = router.db_for_write(Operation)
    runner = uuid.uuid4()
    while (operation := _held(using, operation_id, runner)) is not None:
        rows = _batch(operation)
        if not rows:
            _release(using, operation, runner, ended_at=now(using))
            return
        try:
            outcome = _WORK[Operation.Kind(operation.kind)](operation, rows, app)
        except BROKER_AWAY as error:
            _release(using, operation, runner, problem=f"The broker cannot be reached: {error}")
            raise
        _advance(using, operation, runner, rows[-1].pk, outcome)


def stop(operation: Operation) -> None:
    """End it before the next batch."""
    using = router.db_for_write(Operation)
    rows = Operation.objects.using(using).filter(pk=operation.pk, ended_at=None)
    rows.update(ended_at=now(using), stopped=True)


def is_held(operation: Operation) -> bool:
    """Whether somebody is about it at present."""
    held = operation.held_until
    return held is not None and held >= now(router.db_for_write(Operation))


def _held(using: str, operation_id: uuid.UUID, runner: uuid.UUID) -> Operation | None:
    """The operation, held by this runner from now on; None if it is over or somebody else's."""
    at = now(using)
    rows = Operation.objects.using(using).filter(pk=operation_id, ended_at=None)
    free = rows.filter(Q(held_until=None) | Q(held_until__lt=at) | Q(runner=runner))
    if not free.update(runner=runner, held_until=at + HELD):
        return None
    operation = rows.filter(runner=runner).first()
    if operation is not None and operation.expected is None:
        operation.expected = _left(operation).count()
        rows.filter(runner=runner).update(expected=operation.expected)
    return operation


def _left(operation: Operation) -> QuerySet[Any]:
    return matching(operation.criteria).filter(pk__gt=operation.reached, pk__lte=operation.last_pk)


def _batch(operation: Operation) -> list[Any]:
    rows = _left(operation).order_by("pk")
    columns = ["task_id", "status", "task_name"]
    if operation.kind == Operation.Kind.RUN_AGAIN:
        columns += ["task_args", "task_kwargs", "content_type"]
    return list(rows.only("pk", *columns)[:BATCH])


def _advance(using: str, operation: Operation, runner: uuid.UUID, reached: int, outcome: Done) -> None:
    """Count a batch once, by whoever holds the operation still."""
    rows = Operation.objects.using(using).filter(pk=operation.pk, runner=runner, reached=operation.reached)
    changes: dict[str, Any] = {"problem": outcome.reason} if outcome.reason else {}
    rows.update(
        reached=reached, done=F("done") + outcome.done, skipped=F("skipped") + outcome.skipped, **changes
    )


def _release(using: str, operation: Operation, runner: uuid.UUID, **changes: Any) -> None:
    rows = Operation.objects.using(using).filter(pk=operation.pk, runner=runner)
    rows.update(runner=None, held_until=None, **changes)


def _forget_old(using: str, at: dt.datetime) -> None:
    """A few at a time: there are as many as people made."""
    old: list[QuerySet[Any]] = [
        Operation.objects.using(using).filter(created_at__lt=at - KEPT),
        Rerun.objects.using(using).filter(sent_at__lt=at - KEPT),
    ]
    for rows in old:
        rows.filter(pk__in=list(rows.order_by().values_list("pk", flat=True)[:BATCH])).delete()


def _forget(_operation: Operation, rows: Sequence[Any], _app: Celery) -> Done:
    # Through the ORM, since other people's models may point here with cascades and signals.
    found = TaskResult.objects.using(rows[0]._state.db)
    try:
        found.filter(pk__in=[row.pk for row in rows]).delete()
        gone = list(rows)
    except models.ProtectedError:
        gone = [row for row in rows if _deleted(found, row)]
    forget_details([row.task_id for row in gone])
    kept = len(rows) - len(gone)
    return Done(len(gone), kept, "Those that other rows refer to were left." if kept else "")


def _deleted(found: QuerySet[Any], row: Any) -> bool:
    try:
        found.filter(pk=row.pk).delete()
    except models.ProtectedError:
        return False
    return True


def _revoke(operation: Operation, rows: Sequence[Any], app: Celery) -> Done:
    """Tell all workers; those that are not ended alone, there is nothing to revoke about the others."""
    unready = [row.task_id for row in rows if row.status not in READY_STATES]
    how = (
        {"terminate": True, "signal": operation.options.get("signal", "SIGTERM")}
        if operation.kind == Operation.Kind.TERMINATE
        else {}
    )
    if unready:
        app.control.revoke(unready, **how)
    skipped = len(rows) - len(unready)
    return Done(len(unready), skipped, "Those that had ended were left out." if skipped else "")


def _run_again(operation: Operation, rows: Sequence[Any], app: Celery) -> Done:
    ids = [row.task_id for row in rows]
    details = {detail.task_id: detail for detail in TaskDetail.objects.filter(task_id__in=ids)}
    sent = _sent_before(operation, ids)
    reason = ""
    try:
        for row in rows:
            if row.task_id in sent:
                continue
            try:
                _send(operation, row, details.get(row.task_id), app)
            except NotSent as error:
                reason = str(error)
            else:
                sent.add(row.task_id)
    finally:
        _link(operation, sent)
    return Done(len(sent), len(rows) - len(sent), reason)


def _send(operation: Operation, row: Any, detail: TaskDetail | None, app: Celery) -> None:
    arguments = again.stored_arguments(row, detail)
    if arguments is None or not row.task_name:
        raise again.NotStored(task_id=row.task_id)
    task_id = again.new_id(operation.pk, row.task_id)
    send(app, row.task_name, arguments, task_id=task_id, queue=operation.options.get("queue", ""))


def _sent_before(operation: Operation, task_ids: Iterable[str]) -> set[str]:
    """Those of a batch that a runner sent before it was interrupted."""
    new = {again.new_id(operation.pk, task_id): task_id for task_id in task_ids}
    known = Rerun.objects.using(router.db_for_write(Rerun)).filter(task_id__in=list(new))
    return {new[task_id] for task_id in known.values_list("task_id", flat=True)}


def _link(operation: Operation, task_ids: Iterable[str]) -> None:
    using = router.db_for_write(Rerun)
    at = now(using)
    Rerun.objects.using(using).bulk_create(
        [
            Rerun(
                original_id=task_id,
                task_id=again.new_id(operation.pk, task_id),
                username=operation.username,
                sent_at=at,
            )
            for task_id in task_ids
        ],
        ignore_conflicts=True,
    )


_WORK: Mapping[models.TextChoices, Callable[[Operation, Sequence[Any], Celery], Done]] = {
    Operation.Kind.RUN_AGAIN: _run_again,
    Operation.Kind.REVOKE: _revoke,
    Operation.Kind.TERMINATE: _revoke,
    Operation.Kind.FORGET: _forget,
}
