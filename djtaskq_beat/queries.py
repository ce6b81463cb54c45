"""What the admin shows of schedules and their runs."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator

from django.db.models import OuterRef, QuerySet, Subquery
from django_celery_beat.models import PeriodicTask

from djtaskq.outcomes import Outcome, outcomes_of
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.occurrences import Occurrences
from djtaskq_beat.rows import row_of
from djtaskq_beat.timetable import schedule_of


@dataclasses.dataclass(frozen=True, slots=True)
class Upcoming:
    """The slots to come; or why there are none; or that beat has yet to look at the last edit."""

    slots: tuple[dt.datetime, ...] = ()
    error: str = ""
    unplanned: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class PastRun:
    """A run and what is known of the task that it started."""

    record: TaskRun
    outcome: Outcome | None


def upcoming(task: PeriodicTask, count: int = 5) -> Upcoming:
    """The next slots of a periodic task as beat has planned them."""
    known = NextRun.objects.filter(pk=task.pk).first()
    if known is None or known.changed_at is not None:
        return Upcoming(unplanned=task.enabled)
    if known.error:
        return Upcoming(error=known.error)
    if known.slot is None:
        return Upcoming()
    try:
        schedule = schedule_of(row_of(task), known.anchor or known.slot)
    except Unschedulable:  # beat reports it as soon as it has seen the edit
        return Upcoming(slots=(known.slot,))
    following = () if task.one_off else slots_after(schedule, known.slot)
    return Upcoming(slots=(known.slot, *itertools.islice(following, count - 1)))


def slots_after(schedule: Occurrences, instant: dt.datetime) -> Iterator[dt.datetime]:
    while (slot := schedule.next_after(instant)) is not None:
        yield slot
        instant = slot


def never_fires(task: PeriodicTask, now: dt.datetime) -> bool:
    """Whether no slot is left from `now` on; raises `Unschedulable`. A clocked time may have passed."""
    schedule = schedule_of(row_of(task), now)
    return schedule.next_after(dt.datetime.min.replace(tzinfo=dt.UTC) if task.clocked_id else now) is None


def last_runs(task: PeriodicTask, count: int = 10) -> list[PastRun]:
    """The latest runs with their outcomes, in one round trip to each app that knows any."""
    return with_outcomes(TaskRun.objects.filter(periodic_task=task.pk).newest_first()[:count])


def with_outcomes(records: Iterable[TaskRun]) -> list[PastRun]:
    found = list(records)
    outcomes = outcomes_of(str(record.task_id) for record in found if record.task_id is not None)
    return [PastRun(record, outcomes.get(str(record.task_id))) for record in found]


def with_last_run(tasks: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
    """Each task with the key of its latest run as `last_run`."""
    latest = TaskRun.objects.filter(periodic_task=OuterRef("pk")).newest_first().values("pk")[:1]
    annotated: QuerySet[PeriodicTask] = tasks.annotate(last_run=Subquery(latest))
    return annotated


def runs_by_key(keys: Iterable[int | None]) -> dict[int, PastRun]:
    wanted = [key for key in keys if key is not None]
    return {past.record.pk: past for past in with_outcomes(TaskRun.objects.filter(pk__in=wanted))}
