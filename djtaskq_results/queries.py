"""Reading results for people: the admin, the status view, and whoever asks for outcomes."""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from celery.states import EXCEPTION_STATES, READY_STATES
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq.outcomes import Link, Outcome, links_when_read
from djtaskq_results.joining import leaves
from djtaskq_results.plain import JSON
from djtaskq_results.plain import value as value  # noqa: PLC0414  part of what this module offers
from djtaskq_results.querysets import results as results  # noqa: PLC0414  the verbs, for people's scripts

# What a list shows: never the columns that can be of any size.
LISTED = ("task_id", "task_name", "periodic_task_name", "status", "worker", "date_started", "date_done")

_FAILED = Q(status__in=sorted(EXCEPTION_STATES))


def listed(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.only("pk", *LISTED)


def search(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Rows whose task id starts with `term`, or whose task name is `term`: both have an index."""
    return rows.filter(Q(task_id__startswith=term) | Q(task_name=term))


def runtime(row: Any) -> float | None:
    """Seconds from the start to the end of a task that has ended; None where one of them is unknown."""
    if row.status not in READY_STATES or row.date_started is None:
        return None
    span: dt.timedelta = row.date_done - row.date_started
    return max(0.0, span.total_seconds())


def error(text: str | None, content_type: str) -> str:
    """The exception of a failed task in one line, `ValueError: no such thing`."""
    stored = value(text, content_type)
    if not isinstance(stored, Mapping) or "exc_type" not in stored:
        return ""
    message = stored.get("exc_message")
    shown = ", ".join(map(str, message)) if isinstance(message, list) else str(message or "")
    return f"{stored['exc_type']}: {shown}" if shown else str(stored["exc_type"])


def page_of(row: Any) -> str:
    """The URL of a result's admin page; empty in a process without the admin."""
    try:
        return reverse("admin:django_celery_results_taskresult_change", args=[row.pk])
    except NoReverseMatch:
        return ""


def members(group: Any) -> list[str]:
    """Ids of the tasks of a saved group (a GroupResult row), in order; none where it is not JSON."""
    stored = value(group.result, group.content_type)
    return list(leaves([stored])) if isinstance(stored, list) and stored else []


def status(task_id: str) -> Mapping[str, Any] | None:
    """One task for the status view: `task_id`, `state`, and its `result`, `error` or `progress`.

    A result that is not stored as JSON is None here.
    """
    columns = ("task_id", "status", "result", "content_type")
    row = TaskResult.objects.filter(task_id=task_id).values(*columns).first()
    if row is None:
        return None
    known: dict[str, Any] = {"task_id": row["task_id"], "state": row["status"]}
    said = value(row["result"], JSON) if row["content_type"] == JSON else None
    if row["status"] in EXCEPTION_STATES:
        known["error"] = error(row["result"], row["content_type"])
    elif row["status"] in READY_STATES:
        known["result"] = said
    else:
        known["progress"] = said
    return known


def outcomes(task_ids: Sequence[str]) -> dict[str, Outcome]:
    """How these tasks ended or how far they are, by task id; one statement, and no result of any size."""
    none = Value(None, output_field=TextField())
    rows = (
        TaskResult.objects.filter(task_id__in=task_ids)
        .order_by()
        .annotate(failure=Case(When(_FAILED, then=F("result")), default=none))
        .only("pk", "task_id", "status", "date_started", "date_done", "content_type")
    )
    return {row.task_id: _outcome(row) for row in rows}


def _outcome(row: Any) -> Outcome:
    return Outcome(
        state=row.status,
        started=_aware(row.date_started),
        finished=_aware(row.date_done) if row.status in READY_STATES else None,
        runtime=runtime(row),
        error=error(row.failure, row.content_type),
        links=links_when_read(functools.partial(_links, row)),
    )


def _links(row: Any) -> tuple[Link, ...]:
    url = page_of(row)
    return (Link(label="result", url=url),) if url else ()


def _aware(instant: dt.datetime | None) -> dt.datetime | None:
    return timezone.make_aware(instant) if instant is not None and timezone.is_naive(instant) else instant
