"""Sending tasks: with or without their code here, and with or without waiting for what comes of them."""

import datetime as dt
from typing import Any

from celery import current_app
from celery.exceptions import QueueNotFound
from django.utils import timezone
from kombu.exceptions import EncodeError, KombuError, OperationalError, SerializerNotInstalled

from djtaskq.admin import audit
from djtaskq.db.text import storable
from djtaskq_monitor.api import results
from djtaskq_monitor.api.endpoints import AWAY, Call, endpoint
from djtaskq_monitor.api.errors import bad, unavailable, unknown
from djtaskq_monitor.models import TaskState

SEND = "djtaskq_monitor.send_task"
# How long to reach the broker, in seconds.
CONNECTING = 3.0

_EXACTLY = "%Y-%m-%d %H:%M:%S.%f"
_NUMBERS = ("countdown", "time_limit", "soft_time_limit", "expiration")
# What `apply_async` takes and JSON can say.
OPTIONS = frozenset(
    (
        *("eta", "expires", "queue", "exchange", "routing_key", "priority", "serializer", "compression"),
        *("headers", "task_id", "ignore_result", "shadow", "link", "link_error", "group_id", "root_id"),
        *("parent_id", "delivery_mode", "argsrepr", "kwargsrepr", "stamped_headers", *_NUMBERS),
    )
)
_REFUSED = (
    *(TypeError, ValueError, AttributeError, LookupError, ArithmeticError, QueueNotFound, EncodeError),
    SerializerNotInstalled,
)


@endpoint("POST", SEND)
def apply(call: Call, name: str) -> dict[str, Any]:
    """Send a task that is known here, and wait for what comes of it."""
    body = call.given.json()
    timeout = _number("timeout", body.pop("timeout", None))
    found = _sent(call, name, body, known=True)
    answer: dict[str, Any] = {"task-id": found.id}
    with results.reading(found):
        results.waited_for(found, answer, timeout)
    return answer


@endpoint("POST", SEND)
def async_apply(call: Call, name: str) -> dict[str, Any]:
    """Send a task that is known here."""
    return _state(_sent(call, name, call.given.json(), known=True))


@endpoint("POST", SEND)
def send_task(call: Call, name: str) -> dict[str, Any]:
    """Send a task by its name, whether its code is here or not."""
    return _state(_sent(call, name, call.given.json(), known=False))


def _state(found: Any) -> dict[str, Any]:
    answer = {"task-id": found.id}
    if results.has_backend(found):
        with results.reading(found):
            answer["state"] = found.state
    return answer


def _sent(call: Call, name: str, body: dict[str, Any], *, known: bool) -> Any:
    """The result of a task that was sent; raises an `ApiError` for what cannot be."""
    args, kwargs = body.pop("args", []), body.pop("kwargs", {})
    if not isinstance(args, list):
        raise bad("args must be an array")
    if not isinstance(kwargs, dict):
        raise bad("kwargs must be an object")
    options = _options(body)
    app: Any = current_app
    app.loader.import_default_modules()
    task = app.tasks.get(name)
    if known and task is None:
        raise unknown("task", name)
    written = audit.write(call.request, [], f"Send {name} ({call.caller.signature})", model=TaskState)
    try:
        with app.connection_for_write(connect_timeout=CONNECTING) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECTING)
            sending = {"args": args, "kwargs": kwargs, "connection": connection, "retry": False, **options}
            found = task.apply_async(**sending) if known else app.send_task(name, **sending)
    except (OperationalError, KombuError, OSError) as error:
        if isinstance(error, _REFUSED):
            written.complete(storable(f"not sent. {error}"))
            raise bad(f"Invalid option: {error}") from error
        written.complete(storable(f"not sent. {error}"))
        raise unavailable(f"{AWAY}: {error}") from error
    except _REFUSED as error:
        written.complete(storable(f"not sent. {error}"))
        raise bad(f"Invalid option: {error}") from error
    written.complete(f"sent as {found.id}")
    return found


def _options(body: dict[str, Any]) -> dict[str, Any]:
    if other := sorted(body.keys() - OPTIONS):
        raise bad(f"Invalid option {other[0]!r}")
    options = {name: value for name, value in body.items() if value is not None}
    for name in _NUMBERS:
        if name in options:
            options[name] = _number(name, options[name])
    if "eta" in options:
        options["eta"] = _time("eta", options["eta"])
    if isinstance(options.get("expires"), str):
        options["expires"] = _expires(options["expires"])
    if "task_id" in options:
        options["task_id"] = storable(str(options["task_id"]))
    return options


def _number(name: str, value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        raise bad(f"Invalid {name}") from None


def _expires(text: str) -> float | dt.datetime:
    try:
        return float(text)
    except ValueError:
        return _time("expires", text)


def _time(name: str, value: Any) -> dt.datetime:
    """A time as Flower writes it, in Django's time zone, or in ISO 8601."""
    for read in (lambda text: dt.datetime.strptime(text, _EXACTLY), dt.datetime.fromisoformat):  # noqa: DTZ007  made aware below
        try:
            found = read(value)
        except (TypeError, ValueError):
            continue
        return timezone.make_aware(found) if timezone.is_naive(found) else found
    raise bad(f"Invalid {name}: expected '2026-01-31 23:59:59.0'")
