"""The companion of a task's row: what django-celery-results' columns cannot hold.

Its times come from the message: when it was sent (our own header, from processes that have this app) and when
the worker's parent received it, each by the clock of its machine.
"""

import datetime as dt
import time
from collections.abc import Iterable, Mapping
from typing import Any

from celery.states import STARTED
from django.db.models import F
from django.db.models.functions import Coalesce
from kombu.utils import json

from djtaskq.conf import conf
from djtaskq.db.fields import to_microseconds
from djtaskq.db.text import storable
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_results.database import writing_to
from djtaskq_results.models import ID_LENGTH, TaskDetail
from djtaskq_results.rows import Row, task_key

SENT = "djtaskq_sent_at"
RECEIVED = "djtaskq_received_at"

# Longer ones are not kept: who wants to run such a task again has to give them.
MOST_ARGUMENTS = 1_000_000
_LARGEST = 2**31

# A later state may come from a writer that knows less; and a task may change its arguments as it runs.
_LATEST = ("root_id", "parent_id", "group_id", "group_index", "queue", "routing_key", "priority")
_TIMES = ("sent_at", "received_at", "eta", "expires_at")
UPSERT = Upsert(
    TaskDetail,
    key=["task_id"],
    assign={
        **{name: Coalesce(Incoming(name), F(name)) for name in (*_LATEST, *_TIMES)},
        **{name: Coalesce(F(name), Incoming(name)) for name in ("args", "kwargs")},
        "retries": Incoming("retries"),
        "attempts": F("attempts") + Incoming("attempts"),
    },
)


def wanted() -> bool:
    return conf().RESULTS_DETAILS or conf().RESULTS_STORE_ARGUMENTS


def detail_row(task_id: str, state: str, request: Any, *, queues: Mapping[str, Any], now: dt.datetime) -> Row:
    """The columns of a task's detail; `queues` are the app's, by name."""
    delivery = getattr(request, "delivery_info", None)
    delivery = delivery if isinstance(delivery, Mapping) else {}
    routing_key = _text(delivery.get("routing_key"))
    row = {
        "task_id": task_id,
        "root_id": _key(request, "root_id"),
        "parent_id": _key(request, "parent_id"),
        "group_id": _key(request, "group"),
        "group_index": _whole(getattr(request, "group_index", None)),
        "queue": _queue(_text(delivery.get("exchange")), routing_key, queues),
        "routing_key": routing_key,
        "priority": _whole(delivery.get("priority")),
        "retries": _whole(getattr(request, "retries", None)) or 0,
        "attempts": int(state == STARTED),
        "sent_at": _instant(getattr(request, SENT, None)),
        "received_at": _instant(getattr(request, RECEIVED, None)),
        "eta": _instant(getattr(request, "eta", None)),
        "expires_at": _instant(getattr(request, "expires", None)),
        "created_at": to_microseconds(now),
    }
    if conf().RESULTS_STORE_ARGUMENTS:
        row |= {name: _json(getattr(request, name, None)) for name in ("args", "kwargs")}
    return row


def forget_details(task_ids: Iterable[str]) -> None:
    """Delete what is kept beside the rows of these tasks. At most as many as one statement may name."""
    ids = list(task_ids)
    writing_to(TaskDetail, lambda using: TaskDetail.objects.using(using).filter(task_id__in=ids).delete())


def stamp_sent(headers: Any = None, **_signal: Any) -> None:
    """Receiver of `before_task_publish`."""
    if isinstance(headers, dict) and wanted():
        headers[SENT] = time.time()


def stamp_received(request: Any = None, **_signal: Any) -> None:
    """Receiver of `task_received`, in the worker's parent: its children get the request with the stamp."""
    if wanted():
        request.request_dict[RECEIVED] = time.time()


def _queue(exchange: str | None, routing_key: str | None, queues: Mapping[str, Any]) -> str | None:
    """The queue that the message came through, as far as its address tells."""
    if not exchange or not routing_key:
        return routing_key  # the default exchange: a queue's name is its key
    for name, queue in queues.items():
        if queue.routing_key == routing_key and queue.exchange and queue.exchange.name == exchange:
            return storable(str(name), ID_LENGTH)
    return None


def _key(request: Any, name: str) -> str | None:
    value = getattr(request, name, None)
    return None if value is None else task_key(value)


def _text(value: Any) -> str | None:
    return None if value is None else storable(str(value), ID_LENGTH)


def _whole(value: Any) -> int | None:
    """A number that fits into the column; what else a message may say there is not worth a result."""
    return value if isinstance(value, int) and -_LARGEST <= value < _LARGEST else None


def _instant(value: Any) -> int | None:
    """Microseconds since the epoch of a datetime, of its text as Celery sends it, or of seconds."""
    try:
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
        elif isinstance(value, int | float):
            value = dt.datetime.fromtimestamp(value, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(value, dt.datetime):
        return None
    return to_microseconds(value if value.tzinfo else value.replace(tzinfo=dt.UTC))


def _json(value: Any) -> str | None:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if value is not None and len(text) <= MOST_ARGUMENTS else None
