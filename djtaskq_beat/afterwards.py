"""What became of the runs that were claimed: published, refused, put off, taken over."""

import contextlib
import dataclasses
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import Case, F, QuerySet, Value, When
from django_celery_beat.models import PeriodicTask

from djtaskq.db.claims import claim, writing
from djtaskq.db.clock import DatabaseNow
from djtaskq.db.text import storable
from djtaskq.outcomes import anybody_knows
from djtaskq_beat.alerting.late import maybe_late, raise_if_late
from djtaskq_beat.alerting.raising import raise_missed
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.instants import last_run_at
from djtaskq_beat.message import message_of
from djtaskq_beat.models import TaskRun
from djtaskq_beat.policies import delay, superseded
from djtaskq_beat.querysets import from_now
from djtaskq_beat.rows import Row, read
from djtaskq_beat.store import MOST, Claimer, Run, replaces
from djtaskq_beat.timetable import policy, schedule_of


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A run that is not published, and why not."""

    record: TaskRun
    state: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """Runs of a beat that claimed them and never said more: those to publish, those to give up.

    `now` is the database's time, where there are any.
    """

    runs: Sequence[Run] = ()
    refusals: Sequence[Refusal] = ()
    now: dt.datetime | None = None


def take_over(claimer: Claimer, most: int = MOST) -> Taken:
    """Take the runs whose beat has had its time; for `grace` from now nobody else takes them."""
    with writing(claimer.using):
        records = claim(TaskRun.objects.using(claimer.using).forsaken(), most)
        if not records:
            return Taken()
        now: dt.datetime = records[0].now  # type: ignore[attr-defined]  # an annotation
        pks = [record.pk for record in records]
        TaskRun.objects.using(claimer.using).filter(pk__in=pks).update(retry_at=now + claimer.grace)
        for record in records:
            record.retry_at = now + claimer.grace
    rows = read(claimer.using, {record.periodic_task_id for record in records})
    judged = [_judged(record, rows.get(record.periodic_task_id), now) for record in records]
    return Taken(
        runs=[found for found in judged if isinstance(found, Run)],
        refusals=[found for found in judged if isinstance(found, Refusal)],
        now=now,
    )


def stamp(using: str, runs: Sequence[Run]) -> None:
    """Record that the runs are published, and have it asked how they end; one statement if none is late."""
    if not runs:
        return
    late = maybe_late(runs)
    with writing(using) if late else contextlib.nullcontext():
        _unpublished(using, runs).update(
            state=TaskRun.State.PUBLISHED,
            published_at=DatabaseNow(),
            retry_at=None,
            attempts=F("attempts") + 1,
            follow_at=DatabaseNow() if anybody_knows() else None,
        )
        if late:
            raise_if_late(late, using)


def unpublished(using: str, runs: Sequence[Run]) -> list[Run]:
    """Those of the runs that no other beat has taken over meanwhile; locked, in the caller's transaction.

    They are of one claim.
    """
    if not runs:
        return []
    ours = _unpublished(using, runs).filter(retry_at=runs[0].record.retry_at)
    held = set(ours.select_for_update().values_list("pk", flat=True))
    return [run for run in runs if run.record.pk in held]


def refuse(using: str, refusals: Sequence[Refusal]) -> None:
    """Record that the runs will not be published, and why; one statement for each reason."""
    by_reason: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for refusal in refusals:
        by_reason[refusal.state, refusal.reason].append(refusal.record.pk)
    for (state, reason), pks in by_reason.items():
        TaskRun.objects.using(using).filter(pk__in=pks, state=TaskRun.State.CLAIMED).update(
            state=state, reason=storable(reason, 1000), retry_at=None
        )
    missed = [refusal for refusal in refusals if refusal.state == TaskRun.State.MISSED]
    raise_missed([(refusal.record, refusal.reason) for refusal in missed], using)


def put_off(using: str, runs: Sequence[Run], *, seconds: int = 0) -> None:
    """Leave the runs to any beat that reaches the broker, in `seconds`; one statement.

    They are of one claim; those that another beat has taken over since are left to it.
    """
    if not runs:
        return
    ours = _unpublished(using, runs).filter(retry_at=runs[0].record.retry_at)
    ours.update(retry_at=from_now(seconds), attempts=F("attempts") + 1)


def mirror(using: str, counts: Mapping[int, int], at: dt.datetime) -> dict[int, int]:
    """Count published runs on django-celery-beat's rows; returns those that somebody else holds just now.

    Two statements, in the caller's transaction. Nothing but the columns that its own scheduler writes is
    touched; a one-off's count starts again from zero there too, since that scheduler would not run it again
    otherwise.
    """
    tasks = PeriodicTask._default_manager.using(using)
    held = claim(tasks.filter(pk__in=counts).order_by("pk").values_list("pk", flat=True), len(counts))
    by_count: defaultdict[int, list[int]] = defaultdict(list)
    for pk in held:
        by_count[counts[pk]].append(pk)
    for count, pks in by_count.items():
        tasks.filter(pk__in=pks).update(
            last_run_at=last_run_at(at),
            total_run_count=Case(When(one_off=True, then=Value(0)), default=F("total_run_count") + count),
        )
    left = counts.keys() - set(held)
    existing = tasks.filter(pk__in=left).values_list("pk", flat=True) if left else ()
    return {pk: counts[pk] for pk in existing}


def counts_of(runs: Sequence[Run]) -> Counter[int]:
    return Counter(run.record.periodic_task_id for run in runs)


def _unpublished(using: str, runs: Sequence[Run]) -> QuerySet[TaskRun]:
    pks = [run.record.pk for run in runs]
    return TaskRun.objects.using(using).filter(pk__in=pks, state=TaskRun.State.CLAIMED)


def _judged(record: TaskRun, row: Row | None, now: dt.datetime) -> Run | Refusal:
    if row is None:
        return Refusal(record, TaskRun.State.SKIPPED, "the periodic task was deleted")
    rules = policy(row)
    try:
        message = message_of(row)
        late = record.trigger == TaskRun.Trigger.SCHEDULE and superseded(
            # Its own slot is on the grid, whatever the grid began with.
            schedule_of(row, record.slot),
            record.slot,
            now - delay(row.pk, rules.jitter),
            rules,
        )
    except Unschedulable as error:
        return Refusal(record, TaskRun.State.SKIPPED, str(error))
    if late:
        return Refusal(record, TaskRun.State.MISSED, "it could not be published before a later slot passed")
    # A run of the past, or by hand, takes nobody's place.
    scheduled = record.trigger == TaskRun.Trigger.SCHEDULE
    return Run(record, message, replaces(rules) if scheduled else None, rules.late_after)
