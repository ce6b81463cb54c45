"""What a person wrote under a name, brought into its one form; or why it cannot be."""

import datetime as dt
import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django_celery_beat.models import PeriodicTask, crontab_schedule_celery_timezone

from djtaskq_beat.errors import BeatError, WrongEntry
from djtaskq_beat.exchange.entries import (
    CRONTAB,
    JSON,
    NUMBERS,
    ORDER,
    POLICY,
    TEXTS,
    TIMES,
    Entry,
    json_value,
    shortened,
)
from djtaskq_beat.instants import aware
from djtaskq_beat.occurrences.interval import PERIODS
from djtaskq_beat.spelling import crontab, interval
from djtaskq_beat.times import parse

_INTERVAL = re.compile(r"(?:every )? *([0-9]{1,18}) +([a-z]+)")
_PLACE = ("event", "latitude", "longitude")


class Wrong(ValueError):
    """Why a field cannot stand as it is."""


def read_entry(name: str, given: Any) -> Entry:
    """The form of what is `given` under `name`; raises `WrongEntry` with the field and the reason."""
    if not isinstance(given, Mapping):
        raise WrongEntry(name=name, field="the entry", reason="it must hold fields, as in “task: proj.add”.")
    _told(name, "name", _column("name"), name)
    found = {}
    for field, value in given.items():
        if field not in _READERS:
            raise WrongEntry(name=name, field=str(field), reason=_unknown(str(field), ORDER))
        if value is not None:
            found[field] = _told(name, field, _READERS[field], value)
    if not found.get("task"):
        raise WrongEntry(name=name, field="task", reason="it is missing: name the Celery task to run.")
    if "timezone" in found and "crontab" not in found:
        raise WrongEntry(name=name, field="timezone", reason="it belongs to a crontab, and there is none.")
    if "crontab" in found:
        found.setdefault("timezone", crontab_schedule_celery_timezone())
    found.setdefault("one_off", "clocked" in found)
    return shortened(found)


def _told(name: str, field: str, reader: Callable[[Any], Any], value: Any) -> Any:
    try:
        return reader(value)
    except (Wrong, BeatError) as error:
        raise WrongEntry(name=name, field=field, reason=str(error)) from error
    except ValidationError as error:
        raise WrongEntry(name=name, field=field, reason=" ".join(error.messages)) from error


def _unknown(field: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(field, known, n=1)
    hint = f"did you mean “{close[0]}”?" if close else f"known are {', '.join(known)}."
    return f"there is no such field; {hint}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{_shown(value)} is no text: write it in quotes.")
    if "\0" in value or value != value.encode(errors="ignore").decode():
        raise Wrong("it holds characters that no database stores.")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{_shown(value)} is neither true nor false.")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong(f"{_shown(value)} is no whole number.")
    return value


def _time(value: Any) -> str:
    try:
        return aware(parse(_text(value))).isoformat()
    except OverflowError as error:
        raise Wrong(f"{value} lies outside of the years that can be counted.") from error


def _column(column: str) -> Callable[[Any], Any]:
    """A reader for a plain column, with the rules that django-celery-beat's model has for it."""
    field = PeriodicTask._meta.get_field(column)
    typed = _number if column in NUMBERS else _text
    return lambda value: field.clean(typed(value), None)


def _json(shape: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, str):
            return json_value(value, shape)
        if not isinstance(value, shape):
            wanted = "a list" if shape is list else "a mapping"
            raise Wrong(f"{_shown(value)} is not {wanted}.")
        _plain(value)
        return value

    return read


def _plain(value: Any) -> None:
    """Raise `Wrong` for what JSON cannot say."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise Wrong(f"the key {key!r} is no text: write it in quotes.")
            _plain(inner)
    elif isinstance(value, list):
        for inner in value:
            _plain(inner)
    elif value is not None and not isinstance(value, str | int | float | bool):
        raise Wrong(f"{_shown(value)} cannot be sent as JSON.")
    else:
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as error:
            raise Wrong(f"{_shown(value)} cannot be sent as JSON.") from error


def _crontab(value: Any) -> str:
    fields = _text(value).split()
    if len(fields) != len(CRONTAB):
        raise Wrong(f"“{value}” has {len(fields)} fields and needs five: {' '.join(CRONTAB)}.")
    return crontab(fields)


def _interval(value: Any) -> str:
    found = _INTERVAL.fullmatch(_text(value).strip())
    period = found[2].removesuffix("s") + "s" if found else ""
    if found is None or period not in PERIODS:
        raise Wrong(f"“{value}” is no interval: write it as “5 minutes”, in {', '.join(PERIODS)}.")
    return interval(int(found[1]), period)


def _solar(value: Any) -> Entry:
    if not isinstance(value, Mapping) or set(value) != set(_PLACE):
        raise Wrong(f"it needs {', '.join(_PLACE)}.")
    for name in _PLACE[1:]:
        if not isinstance(value[name], int | float) or isinstance(value[name], bool):
            raise Wrong(f"the {name} {_shown(value[name])} is no number.")
    # No database keeps the sign of a zero.
    return {"event": _text(value["event"])} | {name: float(value[name]) + 0.0 for name in _PLACE[1:]}


def _policy(value: Any) -> Entry:
    if not isinstance(value, Mapping):
        raise Wrong("it must hold fields, as in “overlap: skip”.")
    found = {}
    for name, given in value.items():
        if name not in POLICY:
            raise Wrong(f"{name}: {_unknown(str(name), tuple(POLICY))}")
        if given is None:
            continue
        typed = _text if isinstance(POLICY[name].get_default(), str) else _number
        try:
            found[name] = POLICY[name].clean(typed(given), None)
        except ValidationError as error:
            raise Wrong(f"{name}: {' '.join(error.messages)}") from error
        except Wrong as error:
            raise Wrong(f"{name}: {error}") from error
    return found


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, dt.date) else value.isoformat()
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004  as much as a line bears


_READERS: dict[str, Callable[[Any], Any]] = {
    "task": _column("task"),
    "crontab": _crontab,
    "timezone": _text,
    "interval": _interval,
    "solar": _solar,
    "clocked": _time,
    **{name: _json(shape) for name, shape in JSON.items()},
    **{name: _column(name) for name in (*TEXTS, *NUMBERS)},
    **dict.fromkeys(TIMES, _time),
    "one_off": _flag,
    "enabled": _flag,
    "policy": _policy,
}
