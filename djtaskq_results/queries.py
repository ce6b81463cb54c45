"""Reading results for people: the admin, the status view, and whoever asks for outcomes."""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from celery.states import EXCEPTION_STATES, FAILURE, READY_STATES, RETRY, REVOKED, SUCCESS
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Left
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq.db.prefix import starts_with
from djtaskq.outcomes import Link, Outcome, links_when_read
from djtaskq.redactor import redactor
from djtaskq.task_progress import Progress, progress_of
from djtaskq.timelines import Asked, Moment, Timeline
from djtaskq_results.joining import leaves
from djtaskq_results.models import Rerun, TaskDetail
from djtaskq_results.plain import JSON
from djtaskq_results.plain import value as value  # noqa: PLC0414  part of what this module offers
from djtaskq_results.querysets import results as results  # noqa: PLC0414  the verbs, for people's scripts
from djtaskq_results.rows import task_key

# What a list shows: never the columns that can be of any size.
LISTED = ("task_id", "task_name", "periodic_task_name", "status", "worker", "date_started", "date_done")
# The columns that can be, and how many characters of each a page shows.
LARGE = ("result", "traceback", "task_args", "task_kwargs", "meta")
SHOWN = 100_000
# Characters of what a running task says: with more it is no progress, and is not read.
PROGRESS_LENGTH = 10_000

_ENDS = {SUCCESS: "succeeded", FAILURE: "failed", REVOKED: "revoked", RETRY: "retried"}
_FAILED = Q(status__in=sorted(EXCEPTION_STATES))


def listed(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.only("pk", *LISTED)


def search(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Rows whose task id starts with `term`, or if there are none, those whose task name is `term`.

    Each has an index; both at once would have none that is in the order of the list.
    """
    by_id = starts_with("task_id", term, rows.db)
    if TaskResult.objects.using(rows.db).filter(by_id).order_by().exists():
        return rows.filter(by_id)
    return rows.filter(task_name=term)


def on_queue(rows: QuerySet[Any], queue: str) -> QuerySet[Any]:
    """Rows of tasks that came over `queue`, as far as details of them are kept."""
    details = TaskDetail.objects.filter(task_id=OuterRef("task_id"), queue=queue)
    return rows.filter(Exists(details))


def details_are_kept() -> bool:
    return TaskDetail.objects.exists()


def queues_of(rows: Sequence[Any]) -> dict[str, str]:
    """The queue of each of these rows' tasks that it is known of, by task id; one statement."""
    details = TaskDetail.objects.filter(task_id__in=[row.task_id for row in rows], queue__isnull=False)
    return {task_id: str(queue) for task_id, queue in details.values_list("task_id", "queue")}


def cut(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows with the beginnings of their large columns as `shown_…`, and without the columns."""
    beginnings = {f"shown_{name}": Left(F(name), SHOWN + 1) for name in LARGE}
    found: QuerySet[Any] = rows.defer(*LARGE).annotate(**beginnings)
    return found


def fill(row: Any) -> Any:
    """A row of `cut` with those beginnings in their columns' place; `row.cut` names the columns cut short."""
    shown = {name: getattr(row, f"shown_{name}") for name in LARGE}
    row.cut = frozenset(name for name, text in shown.items() if text is not None and len(text) > SHOWN)
    for name, text in shown.items():
        setattr(row, name, text[:SHOWN] if name in row.cut else text)
    return row


def detail_of(task_id: str) -> TaskDetail | None:
    return TaskDetail.objects.filter(task_id=task_id).first()


def reruns(task_id: str) -> tuple[str, list[str]]:
    """The task that this one repeats (empty if none), and those that repeat it, the latest first."""
    known = Rerun.objects.filter(Q(original_id=task_id) | Q(task_id=task_id)).order_by("-sent_at")[:21]
    pairs = [(rerun.original_id, rerun.task_id) for rerun in known]
    original = next((first for first, second in pairs if second == task_id), "")
    return original, [second for first, second in pairs if first == task_id]


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
    row = TaskResult.objects.filter(task_id=task_key(task_id)).values(*columns).first()
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
    told = Case(
        When(_FAILED, then=F("result")),
        When(~Q(status__in=sorted(READY_STATES)), then=Left(F("result"), PROGRESS_LENGTH + 1)),
        default=Value(None),
        output_field=TextField(),
    )
    rows = (
        TaskResult.objects.filter(task_id__in=task_ids)
        .order_by()
        .annotate(told=told)
        .only("pk", "task_id", "status", "date_started", "date_done", "content_type")
    )
    return {row.task_id: _outcome(row) for row in rows}


def _outcome(row: Any) -> Outcome:
    failed = row.status in EXCEPTION_STATES
    return Outcome(
        state=row.status,
        started=_aware(row.date_started),
        finished=_aware(row.date_done) if row.status in READY_STATES else None,
        runtime=runtime(row),
        error=error(row.told, row.content_type) if failed else "",
        links=links_when_read(functools.partial(_links, row)),
        progress=None if failed else _progress(row.told, row.content_type),
    )


def _progress(told: str | None, content_type: str) -> Progress | None:
    if told is None or len(told) > PROGRESS_LENGTH or content_type != JSON:
        return None
    return progress_of(redactor().value(value(told, content_type)))


def _links(row: Any) -> tuple[Link, ...]:
    url = page_of(row)
    return (Link(label="result", url=url),) if url else ()


def _aware(instant: dt.datetime | None) -> dt.datetime | None:
    return timezone.make_aware(instant) if instant is not None and timezone.is_naive(instant) else instant


def moments_of(asked: Asked) -> Timeline | None:
    """When a task was sent, received, started and when it ended, as far as its rows tell; two statements."""
    columns = ("status", "date_started", "date_done")
    row = TaskResult.objects.filter(task_id=asked.task_id).values_list(*columns).first()
    if row is None:
        return None
    state, started, done = row
    detail = detail_of(asked.task_id)
    known = {
        "sent": detail and detail.sent_at,
        "received": detail and detail.received_at,
        "started": _aware(started),
        _ENDS.get(state, ""): _aware(done),
    }
    return Timeline(moments=tuple(Moment(name=name, at=at) for name, at in known.items() if name and at))
