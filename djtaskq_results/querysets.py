"""What people ask of results, as verbs: `results().failed().since(timedelta(hours=1))`.

`TaskResult.objects` stays django-celery-results' own; this is a QuerySet of the same model beside it.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

from celery.states import FAILURE, READY_STATES, REVOKED, STARTED, SUCCESS
from django.db.models import Count, DurationField, ExpressionWrapper, F, QuerySet
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq.db.percentiles import percentiles
from djtaskq_results.models import TaskDetail
from djtaskq_results.plain import JSON, value

# How long the last attempt ran, for a task that has ended.
RUNTIME = ExpressionWrapper(F("date_done") - F("date_started"), output_field=DurationField())

_READY = sorted(READY_STATES)


class Decoded(NamedTuple):
    """A result's values: from JSON, or the text as it is stored where that is something else.

    `args` and `kwargs` are the arguments themselves where `RESULTS_DETAILS` keeps them, else the text that
    Celery's message carries for people; None where neither is stored.
    """

    task_id: str
    state: str
    result: Any
    args: Any
    kwargs: Any


class ResultQuerySet(QuerySet[Any, Any]):
    """`TaskResult` rows; every method of Django's goes on working, before and after these.

    Indexes answer states, tasks, periodic tasks, workers and times, one of them at a time. Runtimes have
    none: what asks for them reads all rows that the other verbs leave.
    """

    def succeeded(self) -> Self:
        return self.in_state(SUCCESS)

    def failed(self) -> Self:
        return self.in_state(FAILURE)

    def revoked(self) -> Self:
        return self.in_state(REVOKED)

    def running(self) -> Self:
        """Those in STARTED: a worker says so with `task_track_started` alone.

        A state of one's own that a running task sets is `in_state("PROGRESS")`.
        """
        return self.in_state(STARTED)

    def ended(self) -> Self:
        return self.in_state(*_READY)

    def in_state(self, *states: str) -> Self:
        return self.filter(status__in=states)

    def since(self, when: dt.datetime | dt.timedelta) -> Self:
        """Written last at or after a time, or no longer than that ago."""
        return self.filter(date_done__gte=_instant(when))

    def until(self, when: dt.datetime | dt.timedelta) -> Self:
        """Written last before a time, or longer than that ago."""
        return self.filter(date_done__lt=_instant(when))

    def by_task(self, *names: str) -> Self:
        """Names are stored with `result_extended` alone; so are the next two."""
        return self.filter(task_name__in=names)

    def by_periodic_task(self, *names: str) -> Self:
        return self.filter(periodic_task_name__in=names)

    def by_worker(self, *names: str) -> Self:
        return self.filter(worker__in=names)

    def with_runtime(self) -> Self:
        """Those that ended and whose start is known, each with its `runtime`, a timedelta.

        The start is known with `task_track_started` alone.
        """
        return self.ended().filter(date_started__isnull=False).annotate(runtime=RUNTIME)

    def slower_than(self, seconds: float | dt.timedelta) -> Self:
        limit = seconds if isinstance(seconds, dt.timedelta) else dt.timedelta(seconds=seconds)
        return self.with_runtime().filter(runtime__gt=limit)

    def runtime_percentiles(self, *percents: float) -> dict[float, float | None]:
        """Seconds that so many in a hundred did not exceed: `{50: 0.8, 99: 12.5}`; None without any.

        One statement that sorts once on PostgreSQL; elsewhere one that counts, and one that sorts for each.
        """
        for percent in percents:
            if not 0 <= percent <= 100:  # noqa: PLR2004
                raise ValueError(f"{percent!r} is no percentile: it must be from 0 to 100.")
        ended = self.ended().filter(date_started__isnull=False)
        found = percentiles(ended, RUNTIME, [percent / 100 for percent in percents])
        return {
            percent: None if span is None else max(0.0, span.total_seconds())
            for percent, span in zip(percents, found, strict=True)
        }

    def states_by_task(self) -> dict[str | None, dict[str, int]]:
        """How many are in each state, by task: `{"proj.add": {"SUCCESS": 9, "FAILURE": 1}}`.

        One statement that reads all rows that the other verbs leave; under None those without a name.
        """
        counted: dict[str | None, dict[str, int]] = {}
        rows = self.order_by().values_list("task_name", "status").annotate(number=Count("pk"))
        for task, state, number in rows:
            counted.setdefault(task, {})[state] = number
        return counted

    def decoded(self, batch: int = 500) -> Iterator[Decoded]:
        """Each result's values, with two statements for a `batch` of rows; in the order of the query."""
        columns = ("task_id", "status", "result", "task_args", "task_kwargs", "content_type")
        page: list[dict[str, Any]] = []
        for row in self.values(*columns).iterator(batch):
            page.append(row)
            if len(page) == batch:
                yield from self._decoded(page)
                page = []
        yield from self._decoded(page)

    def _decoded(self, page: Sequence[dict[str, Any]]) -> Iterator[Decoded]:
        asked = TaskDetail.objects.using(self.db).filter(task_id__in=[row["task_id"] for row in page])
        details = (
            {detail.task_id: detail for detail in asked.only("task_id", "args", "kwargs")} if page else {}
        )
        for row in page:
            content_type = row["content_type"]
            real = details.get(row["task_id"])
            args = _first(real.args if real else None, row["task_args"], content_type)
            kwargs = _first(real.kwargs if real else None, row["task_kwargs"], content_type)
            result = value(row["result"], content_type)
            yield Decoded(row["task_id"], row["status"], result, args, kwargs)


def results(rows: QuerySet[Any, Any] | None = None) -> ResultQuerySet:
    """All results; or those of `rows`, any QuerySet of `TaskResult`, with the verbs of this module."""
    if rows is None:
        return ResultQuerySet(TaskResult)
    using: str | None = getattr(rows, "_db", None)  # None: by the router, when it is asked
    return ResultQuerySet(TaskResult, query=rows.query.chain(), using=using)


def _first(real: str | None, shown: str | None, content_type: str) -> Any:
    return value(real, JSON) if real is not None else value(shown, content_type)


def _instant(when: dt.datetime | dt.timedelta) -> dt.datetime:
    return timezone.now() - when if isinstance(when, dt.timedelta) else when
