"""One periodic task as it stands in the file: a mapping of plain values, without what is the default.

Each task has one such form: a file says the same as the rows where the forms are equal.
"""

import json
from collections.abc import Mapping
from typing import Any

from djtaskq_beat.instants import aware
from djtaskq_beat.models import RunPolicy
from djtaskq_beat.spelling import crontab, interval

Entry = dict[str, Any]

CRONTAB = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
JSON = {"args": list, "kwargs": dict, "headers": dict}
TEXTS = ("queue", "exchange", "routing_key", "description")
NUMBERS = ("priority", "expire_seconds")
TIMES = ("expires", "start_time")
# A pause is a moment's decision of whoever runs the site: no file is to end it.
POLICY = {
    field.name: field
    for field in RunPolicy._meta.concrete_fields
    if field.name not in {"periodic_task", "paused_until"}
}
ORDER = (
    *("task", "crontab", "timezone", "interval", "solar", "clocked", "args", "kwargs"),
    *("queue", "exchange", "routing_key", "priority", "headers", "expires", "expire_seconds"),
    *("one_off", "start_time", "enabled", "description", "policy"),
)
_PLAIN = ("task", *TEXTS, *NUMBERS, *TIMES, *JSON, "one_off", "enabled")
COLUMNS = (
    *("pk", "name", *_PLAIN, "interval_id", "crontab_id", "solar_id", "clocked_id"),
    *("interval__every", "interval__period", *(f"crontab__{field}" for field in CRONTAB)),
    *("solar__event", "solar__latitude", "solar__longitude", "clocked__clocked_time"),
    *(f"run_policy__{name}" for name in POLICY),
)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The form of a row: `row` has `COLUMNS`, and the crontab's zone as text as `zone`."""
    found = {
        "task": row["task"],
        **_schedule_of(row),
        **{name: json_value(row[name], shape) for name, shape in JSON.items()},
        **{name: row[name] for name in (*TEXTS, *NUMBERS, "one_off", "enabled")},
        **{name: _iso(row[name]) for name in TIMES},
        "policy": {name: row[f"run_policy__{name}"] for name in POLICY}
        if row["run_policy__catch_up"] is not None
        else {},
    }
    return shortened(found)


def shortened(entry: Mapping[str, Any]) -> Entry:
    """`entry` in the fields' order, without those that say what is the default anyway."""
    policy = {
        name: entry["policy"][name]
        for name, field in POLICY.items()
        if name in entry.get("policy", {}) and entry["policy"][name] != field.get_default()
    }
    full = {**entry, "policy": policy}
    defaults = {"enabled": True, "one_off": full.get("clocked") is not None}
    return {
        name: full[name]
        for name in ORDER
        if name in full
        and full[name] is not None
        and (full[name] != defaults[name] if name in defaults else full[name] not in ("", [], {}))
    }


def json_value(text: str | None, shape: type) -> Any:
    """What a column of JSON holds, or its text as it is where YAML cannot say that or it is no such JSON."""
    if not text:
        return shape()
    try:
        value = json.loads(text)
        # Neither infinities nor half of a character.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, shape) else text


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same as JSON, where 1 is neither 1.0 nor true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def differences(before: Entry, after: Entry) -> list[tuple[str, Any, Any]]:
    """The fields that differ: each with the value before and after, None for the default."""
    return [
        (name, before.get(name), after.get(name))
        for name in ORDER
        if not same(before.get(name), after.get(name))
    ]


def _schedule_of(row: Mapping[str, Any]) -> Entry:
    found: Entry = {}
    if row["crontab_id"] is not None:
        found["crontab"] = crontab(row[f"crontab__{field}"] for field in CRONTAB)
        found["timezone"] = row["zone"]
    if row["interval_id"] is not None:
        found["interval"] = interval(row["interval__every"], row["interval__period"])
    if row["solar_id"] is not None:
        found["solar"] = {
            "event": row["solar__event"],
            "latitude": _float(row["solar__latitude"]),
            "longitude": _float(row["solar__longitude"]),
        }
    if row["clocked_id"] is not None:
        found["clocked"] = _iso(row["clocked__clocked_time"])
    return found


def _float(number: Any) -> float | None:
    return None if number is None else float(number)


def _iso(time: Any) -> str | None:
    found = aware(time)
    return None if found is None else found.isoformat()
