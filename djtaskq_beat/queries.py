"""What the admin shows of schedules and their runs."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable, Iterator

from django.db.models import OuterRef, Subquery
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from djtaskq.outcomes import Link, Outcome, outcomes_of
from djtaskq.timelines import Asked, Moment, Timeline
from djtaskq_beat.models import TaskRun
from djtaskq_beat.occurrences import Occurrences
from djtaskq_beat.rows import row_of
from djtaskq_beat.timetable import schedule_of


@dataclasses.dataclass(frozen=True, slots=True)
class PastRun:
    """A run and what is known of the task that it started; what the record says comes first."""

    record: TaskRun
    outcome: Outcome | None

    @property
    def ended_as(self) -> str:
        """The task's last known state; empty if nobody knows one."""
        return self.record.outcome or (self.outcome.state if self.outcome is not None else "")

    @property
    def state(self) -> str:
        """The task's state, or else what became of the slot."""
        return self.ended_as or self.record.state

    @property
    def runtime(self) -> float | None:
        """In seconds."""
        if self.record.runtime is not None:
            return self.record.runtime
        return self.outcome.runtime if self.outcome is not None else None

    @property
    def finished(self) -> dt.datetime | None:
        if self.record.finished_at is not None:
            return self.record.finished_at
        return self.outcome.finished if self.outcome is not None else None

    @property
    def late(self) -> float | None:
        """In seconds."""
        return self.record.lateness.total_seconds() if self.record.lateness is not None else None


def slots_after(schedule: Occurrences, instant: dt.datetime) -> Iterator[dt.datetime]:
    while (slot := schedule.next_after(instant)) is not None:
        yield slot
        instant = slot


def never_fires(task: PeriodicTask, now: dt.datetime) -> bool:
    """Whether no slot is left from `now` on; raises `Unschedulable`. A clocked time may have passed."""
    schedule = schedule_of(row_of(task), now)
    return schedule.next_after(dt.datetime.min.replace(tzinfo=dt.UTC) if task.clocked_id else now) is None


def last_runs(periodic_task: int, count: int) -> list[PastRun]:
    """The latest runs with their outcomes, in one round trip to each app that knows any."""
    return with_outcomes(TaskRun.objects.filter(periodic_task=periodic_task).newest_first()[:count])


def with_outcomes(records: Iterable[TaskRun], *, links: bool = True) -> list[PastRun]:
    """The runs with what is known of their tasks; without `links`, only what is not on record is asked."""
    found = list(records)
    asked = [record for record in found if record.task_id is not None and (links or not record.outcome)]
    outcomes = outcomes_of(str(record.task_id) for record in asked)
    return [PastRun(record, outcomes.get(str(record.task_id))) for record in found]


def last_run_of_each(tasks: Iterable[PeriodicTask]) -> dict[int, PastRun]:
    """The latest run of each task that has one, by the task's key; two statements, however many tasks."""
    latest = TaskRun.objects.filter(periodic_task=OuterRef("pk")).newest_first().values("pk")[:1]
    found = PeriodicTask._default_manager.filter(pk__in=[task.pk for task in tasks])
    keys = found.annotate(last_run=Subquery(latest)).values_list("last_run", flat=True)
    runs = TaskRun.objects.filter(pk__in=[key for key in keys if key is not None])
    return {past.record.periodic_task_id: past for past in with_outcomes(runs, links=False)}


def timeline(asked: Asked) -> Timeline | None:
    """What beat knows of a task that a schedule sent: when it was due, and the pages of both.

    Read off the schedule's own runs, of which the history keeps so many.
    """
    task = PeriodicTask._default_manager.filter(name=asked.periodic_task).only("pk", "name").first()
    if task is None:
        return None
    run = _run_of(task.pk, asked.task_id)
    moments = [] if run is None else [("due", run.slot), ("published", run.published_at)]
    pages = [(_("schedule"), "django_celery_beat_periodictask", task.pk)]
    if run is not None:
        pages.append((_("run"), "djtaskq_beat_taskrun", run.pk))
    return Timeline(
        moments=tuple(Moment(name=name, at=at) for name, at in moments if at is not None),
        links=tuple(Link(label=label, url=url) for label, page, pk in pages if (url := _page_of(page, pk))),
    )


def _run_of(periodic_task: int, task_id: str) -> TaskRun | None:
    try:
        wanted = uuid.UUID(task_id)
    except ValueError:
        return None
    return TaskRun.objects.filter(periodic_task=periodic_task, task_id=wanted).newest_first().first()


def _page_of(model: str, pk: int) -> str:
    """The URL of a row's admin page; empty in a process without the admin."""
    try:
        return reverse(f"admin:{model}_change", args=[pk])
    except NoReverseMatch:
        return ""
