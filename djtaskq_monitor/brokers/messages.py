"""What waits in a queue, read from the message without loading what it carries.

A message is a stranger's text: nothing of it is unpickled or imported, and every part is cut to a length.
"""

import base64
import binascii
import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from djtaskq_monitor.recording import values

# As much of arguments as is shown, in characters.
LONGEST_ARGUMENTS = 2_000
# A message of more characters is not decoded.
LONGEST_MESSAGE = 1_000_000
_UNREADABLE = "A message that cannot be decoded."
_TOO_LONG = "A message of %d characters: too long to be shown."


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """One message; None for what it does not tell.

    `args` and `kwargs` are the sender's own text forms. `problem` says why there is nothing else.
    """

    task: str | None = None
    task_id: str | None = None
    args: str | None = None
    kwargs: str | None = None
    eta: dt.datetime | None = None
    expires: dt.datetime | None = None
    sent: dt.datetime | None = None
    priority: int | None = None
    retries: int | None = None
    origin: str | None = None
    content_type: str | None = None
    size: int | None = None
    redelivered: bool = False
    problem: str = ""


def decoded(text: str | bytes, sent: dt.datetime | None = None) -> Waiting:
    """A message as kombu's virtual transports write it: JSON with body, headers and properties."""
    if len(text) > LONGEST_MESSAGE:
        return Waiting(sent=sent, size=len(text), problem=_TOO_LONG % len(text))
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        return Waiting(sent=sent, size=len(text), problem=_UNREADABLE)
    return read(message, sent)


def read(message: Mapping[str, Any], sent: dt.datetime | None = None) -> Waiting:
    """A message as a mapping with `headers`, `properties`, `body`, `content-type`."""
    properties, headers = _mapping(message.get("properties")), _mapping(message.get("headers"))
    body = message.get("body")
    told = headers if "task" in headers else _mapping(_loaded(message, properties))
    return Waiting(
        task=values.label(told.get("task")),
        task_id=values.label(told.get("id") or properties.get("correlation_id")),
        args=_arguments(told, "args"),
        kwargs=_arguments(told, "kwargs"),
        eta=_moment(told.get("eta")),
        expires=_moment(told.get("expires")),
        sent=sent or _timestamp(properties.get("timestamp")),
        priority=values.count(properties.get("priority")),
        retries=values.count(told.get("retries")),
        origin=values.label(headers.get("origin")),
        content_type=values.label(message.get("content-type")),
        size=len(body) if isinstance(body, str | bytes) else None,
        redelivered=message.get("redelivered") is True,
        problem="" if "task" in told else "No message of a task.",
    )


def _loaded(message: Mapping[str, Any], properties: Mapping[str, Any]) -> Any:
    """The body of a message of Celery's first protocol, which has the task in it; JSON alone is read."""
    body = message.get("body")
    if message.get("content-type") != "application/json" or not isinstance(body, str):
        return None
    try:
        if properties.get("body_encoding") == "base64":
            body = base64.b64decode(body, validate=True)
        return json.loads(body)
    except (ValueError, RecursionError, binascii.Error):
        return None


def _arguments(told: Mapping[str, Any], name: str) -> str | None:
    if f"{name}repr" in told:
        return values.text(told[f"{name}repr"], LONGEST_ARGUMENTS)
    return (
        values.text(json.dumps(told[name], ensure_ascii=False), LONGEST_ARGUMENTS) if name in told else None
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> dt.datetime | None:
    microseconds = values.moment(value)
    return None if microseconds is None else dt.datetime.fromtimestamp(microseconds / values.MICRO, tz=dt.UTC)


def _timestamp(value: Any) -> dt.datetime | None:
    """AMQP's own property, in seconds."""
    now = dt.datetime.now(dt.UTC).timestamp()
    microseconds = values.instant(value, now)
    return None if microseconds is None else dt.datetime.fromtimestamp(microseconds / values.MICRO, tz=dt.UTC)
