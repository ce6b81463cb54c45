"""What an entry of `beat_schedule` says of its row, and the digest of a whole `beat_schedule`."""

import dataclasses
import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from celery import Celery
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django_celery_beat.models import PeriodicTask
from kombu.utils.json import dumps

from djtaskq_beat.declaring.specs import MODELS, Spec, as_stored, spec_of
from djtaskq_beat.errors import BeatError, InvalidMessage

# What can be wrong with an entry that a person wrote.
WRONG = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    ValidationError,
    ImproperlyConfigured,
    BeatError,
)
# Columns of JSON, and what an empty one means.
JSON_COLUMNS = {"args": "[]", "kwargs": "{}", "headers": "{}"}
_ROUTING = ("queue", "exchange", "routing_key")
_KEPT_OPTIONS = {*_ROUTING, "priority", "headers", "expires", "expire_seconds"}
_FORMAT = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What the row of one entry is to say: its schedule, and columns as they are read from it.

    `lost` names the options that have no column.
    """

    name: str
    spec: Spec
    columns: Mapping[str, Any]
    lost: tuple[str, ...] = ()


def wanted(name: str, entry: Mapping[str, Any], app: Celery) -> Wanted:
    """What `entry` says; raises one of `WRONG`.

    As in django-celery-beat, what an entry does not speak of (enabled, one_off, start_time, description) is
    left to whoever edits the row. `relative` needs no column: slots lie on a grid, which has no drift that
    it could undo.
    """
    entry = dict(entry)
    entry.pop("relative", None)
    spec = spec_of(entry.pop("schedule"), app)
    options = entry.pop("options", None) or {}
    columns = {"task": "", **_message(entry), **_delivery(options, app), **entry}
    if spec.kind == "clocked":
        columns.setdefault("one_off", True)
    lost = tuple(sorted(set(options) - _KEPT_OPTIONS))
    return Wanted(name, spec, _cleaned(name, columns), lost)


def digest_of(entries: Mapping[str, Wanted | None]) -> str:
    """Of what all entries say, equal wherever and in whatever order they are read; None for a wrong one."""
    said = {name: None if entry is None else _plain(entry) for name, entry in entries.items()}
    text = json.dumps([_FORMAT, said], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(text: str | None, empty: str) -> str:
    """JSON with its keys in order, so that equal values have equal texts; what is no JSON as it stands."""
    try:
        return json.dumps(json.loads(text or empty), sort_keys=True)
    except ValueError:
        return str(text)


def _message(entry: dict[str, Any]) -> dict[str, str]:
    """The columns of an entry's arguments, which are taken out of it."""
    args = entry.pop("args", None) or ()
    kwargs = entry.pop("kwargs", None) or {}
    if not isinstance(args, list | tuple):
        raise InvalidMessage(field="args", reason="they must be a list or a tuple.")
    if not isinstance(kwargs, Mapping):
        raise InvalidMessage(field="kwargs", reason="they must be a dictionary.")
    return {"args": dumps(args), "kwargs": dumps(dict(kwargs))}


def _delivery(options: Mapping[str, Any], app: Celery) -> dict[str, Any]:
    return {
        **{name: options.get(name) or None for name in _ROUTING},
        "priority": options.get("priority"),
        "headers": dumps(options.get("headers") or {}),
        **_expiry(options, app),
    }


def _expiry(options: Mapping[str, Any], app: Celery) -> dict[str, Any]:
    """The columns of the option `expires`: seconds, a timedelta, or the instant after which nothing runs.

    A row has one of the two; where neither is asked for, the instant is left to whoever edits the row.
    """
    expires = options.get("expire_seconds", options.get("expires"))
    if isinstance(expires, dt.datetime):
        instant = expires if expires.tzinfo else expires.replace(tzinfo=app.timezone)
        return {"expires": instant, "expire_seconds": None}
    if isinstance(expires, dt.timedelta):
        expires = expires.total_seconds()
    if expires is None:
        return {"expire_seconds": None}
    # Rounded down, less than a second would expire before it is sent.
    return {"expires": None, "expire_seconds": math.ceil(expires)}


def _cleaned(name: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns as the row will give them back; raises ValidationError for what it cannot hold."""
    if columns.keys() & {*MODELS, *(f"{kind}_id" for kind in MODELS), "id", "pk", "name"}:
        raise TypeError("an entry has a name, a schedule and columns of its task, and no keys of other rows")
    task = PeriodicTask(name=name, **columns)
    given = {"name", *columns}
    task.clean_fields(exclude={field.name for field in task._meta.fields if field.name not in given})
    found = {column: getattr(task, column) for column in columns}
    return {
        key: as_stored(value) if isinstance(value, dt.datetime) else value for key, value in found.items()
    }


def _plain(entry: Wanted) -> dict[str, Any]:
    columns = dict(entry.columns)
    for column, empty in JSON_COLUMNS.items():
        columns[column] = canonical(columns[column], empty)
    spec = _texts(entry.spec.columns.items())
    return {"kind": entry.spec.kind, "schedule": spec, "columns": _texts(columns.items())}


def _texts(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value if _is_plain(value) else _text(value) for name, value in items}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)
