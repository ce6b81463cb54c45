"""What a task's state looks like as a row of django-celery-results.

Readers of that table (its own backend and admin, people's scripts) must find in it what they always found:

- `result`, `meta`, `task_args`, `task_kwargs`: texts in the backend's serializer, base64 if that is binary;
- `task_args` and `task_kwargs`: the serialised `repr` that the message carries (protocol 2), or the
  serialised arguments themselves (protocol 1); these, the names and the worker with `result_extended` alone;
- `meta`: the children's result tuples, and what the task put into `request.meta`;
- `date_done`: the time of the last write, whatever the state.

Unlike there, a traceback is always kept, and no text that a worker sent can fail to be stored.
"""

import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from celery.states import STARTED

from djtaskq.db.text import storable
from djtaskq_results.content import Content

Row = dict[str, Any]
Pack = Callable[[Any], Content]

# The columns' lengths in django-celery-results' migrations, but for where its own setting shortens them.
LENGTHS = {"task_id": 255, "status": 50, "periodic_task_name": 255, "task_name": 255, "worker": 100}
_DIGEST = 32


def task_key(task_id: object) -> str:
    """A task id as it stands in the table, wherever it came from (a UUID is a legal id too).

    One that is too long keeps its beginning; behind an ellipsis stands a digest that tells it from others.
    """
    text, longest = storable(str(task_id)), LENGTHS["task_id"]
    if len(text) <= longest:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return storable(text, longest - _DIGEST) + digest


def task_row(  # noqa: PLR0913  as many facts as Celery hands to a backend
    task_id: object,
    result: Any,
    state: str,
    traceback: str | None,
    *,
    request: Any,
    children: Any,
    now: dt.datetime,
    extended: bool,
    pack: Pack,
) -> Row:
    """The columns of one task's row.

    `result` as Celery's `encode_result` left it; `request` is the task's, or None where the writer has
    none; `pack` serialises. A value of None says that this writer does not know, and must not make the
    table forget what another one knew.
    """
    content = pack(result)
    return {
        "task_id": task_key(task_id),
        "status": storable(state, LENGTHS["status"]),
        "result": storable(content.text),
        "content_type": content.type,
        "content_encoding": content.encoding,
        "traceback": None if traceback is None else storable(str(traceback)),
        "meta": _meta(request, children, pack),
        "date_created": now,  # by the first write alone
        "date_done": now,
        "date_started": now if state == STARTED else None,
        **(_extended(request, pack) if extended and request else {}),
    }


def redelivered(request: Any) -> bool:
    """Whether the broker said that it had handed out this message before."""
    delivery = getattr(request, "delivery_info", None)
    return isinstance(delivery, Mapping) and bool(delivery.get("redelivered"))


def retried(request: Any) -> bool:
    """Whether an earlier attempt asked for this one."""
    return bool(getattr(request, "retries", 0))


def _meta(request: Any, children: Any, pack: Pack) -> str:
    extra = getattr(request, "meta", None)
    if not extra and not children:
        return _childless(pack, told=children is not None)
    return storable(pack({**(extra if isinstance(extra, Mapping) else {}), "children": children}).text)


@functools.lru_cache(maxsize=8)
def _childless(pack: Pack, *, told: bool) -> str:
    """What most tasks' meta is."""
    return pack({"children": [] if told else None}).text


def _extended(request: Any, pack: Pack) -> Row:
    return {
        "task_name": _text(request, "task", LENGTHS["task_name"]),
        "worker": _text(request, "hostname", LENGTHS["worker"]),
        "periodic_task_name": _text(request, "periodic_task_name", LENGTHS["periodic_task_name"]),
        "task_args": _arguments(request, "argsrepr", "args", pack),
        "task_kwargs": _arguments(request, "kwargsrepr", "kwargs", pack),
    }


def _text(request: Any, name: str, length: int) -> str | None:
    value = getattr(request, name, None)
    return None if value is None else storable(str(value), length)


def _arguments(request: Any, shown: str, real: str, pack: Pack) -> str | None:
    """The text that the message carries for people (protocol 2), else the arguments themselves."""
    value = getattr(request, shown, None)
    if value is None:
        value = getattr(request, real, None)
    return None if value is None else storable(pack(value).text)
