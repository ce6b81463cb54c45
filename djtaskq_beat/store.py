"""The claiming path's statements: take what is due, record it and move on in one transaction."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django_celery_beat.models import PeriodicTask

from djtaskq.db.claims import claim, writing
from djtaskq.db.features import features
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_beat.alerting.raising import raise_missed
from djtaskq_beat.message import Message, task_id_of
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.overlap import yield_to_running
from djtaskq_beat.policies import Overlap, Policy
from djtaskq_beat.rows import read
from djtaskq_beat.steps import Step, look_at

MOST = 500
# A run that is there stays as it is: to assign it its own key changes nothing.
_RUNS = Upsert(TaskRun, key=["periodic_task", "slot"], assign={"slot": Incoming("slot")})
_WHOSE = ("id", "periodic_task_id", "slot", "claimed_at", "claimed_by")
_MOVED = ("slot", "run_at", "held_until", "anchor", "last_slot", "changed_at", "planned_from", "error")
_MOVES = Upsert(NextRun, key=["periodic_task"], assign={name: Incoming(name) for name in _MOVED})


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A claimed run and the message to publish for it.

    Runs before it that were claimed no longer ago than `replaces` and have not ended are stopped first.
    Published `late_after` its time it raises an alert; None leaves that to the setting.
    """

    record: TaskRun
    message: Message
    replaces: dt.timedelta | None = None
    late_after: dt.timedelta | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Claimer:
    """Who claims: `name` is on record, and for `grace` nobody else publishes what was claimed."""

    using: str
    name: str
    grace: dt.timedelta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one claim took: the runs to publish, and the rows set aside with the reason.

    `moved` is how many rows it moved on; `full` whether more may be due; `now` the database's time, where
    anything was due.
    """

    runs: Sequence[Run] = ()
    set_aside: Sequence[tuple[str, str]] = ()
    moved: int = 0
    full: bool = False
    now: dt.datetime | None = None


def claim_due(claimer: Claimer, most: int = MOST, *, changed_alone: bool = False) -> Batch:
    """Take up to `most` rows that are due and decide about each: four statements, two more if one ends.

    `changed_alone` plans what people have changed, and leaves what is to run as it is.

    Raises database errors alone: nothing that a row holds gets further than its own `NextRun.error`.
    """
    with writing(claimer.using):
        rows_due = NextRun.objects.using(claimer.using).due()
        due = claim(rows_due.filter(changed_at__isnull=False) if changed_alone else rows_due, most)
        if not due:
            return Batch()
        now: dt.datetime = due[0].now  # type: ignore[attr-defined]  # an annotation
        rows = read(claimer.using, [known.pk for known in due])
        steps = [look_at(known, rows[known.pk], now) for known in due if known.pk in rows]
        if changed_alone:
            steps = [step for step in steps if not step.decision.run]
        yield_to_running(steps, now, claimer.using)
        steps = _ending(steps, claimer.using)
        runs = _record(steps, now, claimer)
        _MOVES.write([step.known for step in steps], using=claimer.using)
        _forget([known.pk for known in due if known.pk not in rows], claimer.using)
    return Batch(
        runs=runs,
        set_aside=[(step.row.name, step.new_error) for step in steps if step.new_error],
        moved=len(steps),
        full=len(due) == most,
        now=now,
    )


def _ending(steps: list[Step], using: str) -> list[Step]:
    """Disable what has ended. What somebody is editing at this moment is left for the next tick."""
    ends = [step.row.pk for step in steps if step.ends]
    if not ends:
        return steps
    tasks = PeriodicTask._default_manager.using(using)
    # A user's transaction locks the task before its NextRun: waiting for the task here could be a deadlock.
    held = set(claim(tasks.filter(pk__in=ends).order_by("pk").values_list("pk", flat=True), len(ends)))
    tasks.filter(pk__in=held).update(enabled=False)
    return [step for step in steps if not step.ends or step.row.pk in held]


def _record(steps: Sequence[Step], now: dt.datetime, claimer: Claimer) -> list[Run]:
    """Insert the runs; the unique key says which of them are ours."""
    lease = now + claimer.grace
    records = [record for step in steps for record in _records(step, now, lease, claimer.name)]
    if not records:
        return []
    ours = {
        (key, slot): pk
        for pk, key, slot, claimed_at, claimed_by in _inserted(records, claimer.using)
        if (claimed_at, claimed_by) == (now, claimer.name)
    }
    steps_by_key = {step.row.pk: step for step in steps}
    runs, missed = [], []
    for record in records:
        record.pk = ours.get((record.periodic_task_id, record.slot))
        if record.pk is not None and record.state == TaskRun.State.CLAIMED:
            runs.append(_run(record, steps_by_key[record.periodic_task_id]))
        elif record.pk is not None and record.state == TaskRun.State.MISSED:
            missed.append((record, record.reason))
    raise_missed(missed, claimer.using)
    return runs


def _inserted(records: Sequence[TaskRun], using: str) -> Iterable[tuple[Any, ...]]:
    """The rows that stand under the keys of `records` now, whoever wrote them."""
    if features(using).returning_upsert:
        return _RUNS.write(records, using=using, returning=_WHOSE)
    _RUNS.write(records, using=using)
    runs = TaskRun.objects.using(using).filter(
        periodic_task__in={record.periodic_task_id for record in records},
        slot__in={record.slot for record in records},
    )
    return runs.values_list(*_WHOSE)


def _run(record: TaskRun, step: Step) -> Run:
    if step.message is None:
        raise AssertionError("a step that runs has a message")
    return Run(record, step.message, replaces(step.policy), step.policy.late_after)


def replaces(policy: Policy) -> dt.timedelta | None:
    return policy.overlap_limit if policy.overlap is Overlap.REPLACE else None


def _records(step: Step, now: dt.datetime, lease: dt.datetime, claimed_by: str) -> Iterator[TaskRun]:
    common = {
        "periodic_task_id": step.row.pk,
        "name": step.row.name,
        "claimed_at": now,
        "claimed_by": claimed_by,
    }
    for missed in step.decision.missed:
        yield TaskRun(
            slot=missed.first,
            through=missed.through if missed.through > missed.first else None,
            state=TaskRun.State.SKIPPED if missed.skipped else TaskRun.State.MISSED,
            reason=missed.reason,
            **common,
        )
    for slot in step.decision.run:
        yield TaskRun(
            slot=slot,
            due_at=slot + step.delay if step.delay else None,
            state=TaskRun.State.CLAIMED,
            task_id=task_id_of(step.row.pk, slot),
            retry_at=lease,
            **common,
        )


def _forget(pks: Sequence[int], using: str) -> None:
    """Rows of periodic tasks that were deleted by code that knows nothing of us."""
    if pks:
        NextRun.objects.using(using).filter(pk__in=pks).delete()
