"""Tasks, as Flower tells of them: a list, the names that were seen, one task with all that is known."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone

from djtaskq.db.plans import by_index
from djtaskq.db.text import storable
from djtaskq.redactor import redactor
from djtaskq_monitor import searching
from djtaskq_monitor.api import endpoints
from djtaskq_monitor.api.endpoints import Call, endpoint
from djtaskq_monitor.api.errors import bad, unknown
from djtaskq_monitor.api.given import Given
from djtaskq_monitor.models import Series, TaskState
from djtaskq_monitor.search import And, Compared, Everything, Same, SearchError, Tree

VIEW = "djtaskq_monitor.view_taskstate"
# A page unless more are asked for, the largest page, and how far into the list pages go.
PAGE, MOST, FURTHEST = 100, 1_000, 10_000
# As many of the newest that match are put in order by something else than time.
SORTED = 5_000
CHILDREN = 1_000
LOOKED_TO = "X-Djtaskq-Looked-To"

# What an index finds in the order of time, without a look at each row.
_INDEXED = frozenset(("name", "worker", "state"))
_MINUTE = "%Y-%m-%d %H:%M"
_SORTS: Mapping[str, str] = {"name": "name", "state": "state", "received": "received", "started": "started"}
_TIMES = (
    *("sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected", "cancelled"),
    *("first_seen",),
)
_TEXTS = ("args", "kwargs", "result", "exception", "traceback")
_PLAIN = (
    *("name", "state", "retries", "runtime", "queue", "exchange", "routing_key", "client"),
    *("root_id", "parent_id"),
)
_COLUMNS = ("task_id", "worker", "tstamp", "eta", "expires", *_TIMES, *_TEXTS, *_PLAIN)


@endpoint("GET", VIEW)
def tasks(call: Call) -> HttpResponse:
    """`{uuid: task}`, the newest first unless `sort_by` says otherwise."""
    given = call.given
    offset = max(given.whole("offset") or 0, 0)
    limit = given.whole("limit")
    limit = PAGE if limit is None else max(0, min(limit, MOST))
    if offset > FURTHEST:
        raise bad(f"An offset goes as far as {FURTHEST}: narrow the time by received_end instead.")
    sort_by = _sort_of(given)
    rows = TaskState.objects.only("pk", "first_seen", *([sort_by.lstrip("-")] if sort_by else []))
    if sort_by:
        found, looked_to = _newest(rows, _tree(given), 0, SORTED)
        found = _ordered(found, sort_by)[offset : offset + limit]
    else:
        found, looked_to = _newest(rows, _tree(given), offset, limit)
    keys = [row.pk for row in found]
    known = TaskState.objects.only("pk", *_COLUMNS).in_bulk(keys)
    answered = endpoints.answer({known[key].task_id: as_dict(known[key]) for key in keys if key in known})
    if looked_to is not None:
        answered.headers[LOOKED_TO] = looked_to.isoformat()
    return answered


@endpoint("GET", VIEW)
def types(call: Call) -> dict[str, list[str]]:  # noqa: ARG001  every endpoint gets its call
    """The names of the tasks that were seen."""
    names = Series.objects.exclude(name="").order_by("name").values_list("name", flat=True).distinct()
    return {"task-types": list(names) or _names_of_rows()}


@endpoint("GET", VIEW)
def info(call: Call, task_id: str) -> dict[str, Any]:  # noqa: ARG001
    row = TaskState.objects.filter(task_id=storable(task_id)).only("pk", *_COLUMNS).first()
    if row is None:
        raise unknown("task", task_id)
    called = TaskState.objects.filter(searching.of_root(row.root_id or row.task_id), parent_id=row.task_id)
    return {**as_dict(row), "children": list(called.values_list("task_id", flat=True)[:CHILDREN])}


def as_dict(row: TaskState) -> dict[str, Any]:
    """A task by Flower's keys and a few more; times in seconds since the epoch."""
    redact = redactor().text
    # The table has the exception in the place of a result, too.
    result = None if row.result == row.exception else _redacted(row.result, redact)
    return {
        "uuid": row.task_id,
        "worker": row.worker_id,
        "timestamp": _seconds(row.tstamp),
        **{name: getattr(row, name) for name in _PLAIN},
        **{name: _seconds(getattr(row, name)) for name in _TIMES},
        **{name: _redacted(getattr(row, name), redact) for name in _TEXTS},
        "result": result,
        **{name: _iso(getattr(row, name)) for name in ("eta", "expires")},
        "root": row.root_id,
        "parent": row.parent_id,
        "children": None,
        "clock": None,
    }


def _newest(rows: QuerySet[Any], tree: Tree, offset: int, limit: int) -> tuple[list[Any], dt.datetime | None]:
    """Those that match, and back to when they were looked for if that was not to the end."""
    if isinstance(tree, Everything) or (isinstance(tree, Same) and tree.field in _INDEXED):
        with by_index(rows.db):
            ordered = searching.indexed(rows, tree).filter(first_seen__isnull=False)
            return list(ordered.order_by("-first_seen", "-pk")[offset : offset + limit]), None
    found = searching.search_page(rows, tree, None, size=max(offset + limit, 1))
    return found.rows[offset : offset + limit], found.looked_to


def _redacted(text: str | None, redact: Callable[[str], str]) -> str | None:
    return None if text is None else redact(text)


def _seconds(at: dt.datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _iso(at: dt.datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _sort_of(given: Given) -> str:
    sort_by = given.text("sort_by") or ""
    if sort_by and sort_by.lstrip("-") not in _SORTS:
        raise bad(f"Invalid sort_by {sort_by!r}, expected one of {', '.join(sorted(_SORTS))}")
    return sort_by


def _ordered(rows: list[Any], sort_by: str) -> list[Any]:
    name = sort_by.lstrip("-")

    def key(row: Any) -> tuple[bool, Any, int]:
        value = getattr(row, name)
        return value is not None, "" if value is None else value, row.pk

    return sorted(rows, key=key, reverse=sort_by.startswith("-"))


def _tree(given: Given) -> Tree:
    """All that the parameters ask for; raises an `ApiError` for what cannot be read."""
    conditions: list[Any] = []
    for name, field in (("workername", "worker"), ("taskname", "name"), ("state", "state")):
        value = given.text(name)
        if value and value != "All":
            conditions.append(Same(field, value))
    for name, sign in (("received_start", ">="), ("received_end", "<=")):
        if (text := given.text(name)) is not None:
            conditions.append(Compared("received", sign, _minute(text)))
    if query := given.text("search"):
        try:
            conditions.append(searching.read(query, TaskState.objects.all(), timezone.now()))
        except SearchError as error:
            raise bad(str(error)) from None
    flat = [each for tree in conditions for each in (tree.children if isinstance(tree, And) else (tree,))]
    found: list[Tree] = [each for each in flat if not isinstance(each, Everything)]
    if len(found) == 1:
        return found[0]
    return And(tuple(found)) if found else Everything()


def _minute(text: str) -> dt.datetime:
    """A minute in Django's current time zone."""
    try:
        return timezone.make_aware(dt.datetime.strptime(text, _MINUTE))  # noqa: DTZ007  made aware
    except (ValueError, OverflowError):
        raise bad("Invalid received_start or received_end, expected format 'YYYY-MM-DD HH:MM'") from None


def _names_of_rows() -> list[str]:
    """Where nobody counts: one look into the index for each name."""
    found: list[str] = []
    rows = TaskState.objects.order_by("name").values_list("name", flat=True)
    name = rows.filter(name__gt="").first()
    while name is not None and len(found) < MOST:
        found.append(name)
        name = rows.filter(name__gt=name).first()
    return found
