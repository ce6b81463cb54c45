"""The message of a run: what is sent for a row, as django-celery-beat would send it."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

from kombu.utils.json import loads

from djtaskq_beat.errors import InvalidMessage
from djtaskq_beat.instants import aware
from djtaskq_beat.rows import Row

_EMPTY: dict[type, str] = {list: "[]", dict: "{}"}
_NAMESPACE = uuid.UUID("6f0a5c0e-5f0f-5d0e-9d3c-3f1f0c3c8a51")


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A task's name, its arguments (and the JSON that they were), and the options of `apply_async`.

    `expires` is an instant, or seconds from when it is sent; None for never.
    """

    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: dict[str, Any]
    args_text: str = "[]"
    kwargs_text: str = "{}"
    expires: dt.datetime | int | None = None

    def expires_at(self, now: dt.datetime) -> dt.datetime | None:
        """When a message that is sent `now` expires."""
        return now + dt.timedelta(seconds=self.expires) if isinstance(self.expires, int) else self.expires


def message_of(row: Row) -> Message:
    """What is to be sent for `row`; raises `InvalidMessage`."""
    options = {
        name: value
        for name in ("queue", "exchange", "routing_key", "priority")
        if (value := getattr(row, name)) not in (None, "")
    }
    headers = _read("headers", row.headers or "{}", dict)
    options["headers"] = {**headers, "periodic_task_name": row.name, "celery_beat_task": True}
    args, kwargs = row.args or "[]", row.kwargs or "{}"
    return Message(
        row.task,
        _read("args", args, list),
        _read("kwargs", kwargs, dict),
        options,
        args,
        kwargs,
        aware(row.expires) or row.expire_seconds or None,
    )


def task_id_of(periodic_task: int, slot: dt.datetime) -> uuid.UUID:
    """The id under which a slot's task is sent, however often: a repeat can be told from another run."""
    return uuid.uuid5(_NAMESPACE, f"{periodic_task}:{slot.isoformat()}")


def _read(field: str, text: str, expected: type) -> Any:
    if text == _EMPTY[expected]:
        return expected()
    try:
        value = loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidMessage(field=field, reason=str(error)) from error
    if not isinstance(value, expected):
        shape = "a list in brackets [ ]" if expected is list else "an object in braces { }"
        raise InvalidMessage(field=field, reason=f"{value!r:.80} is not {shape}.")
    return value
