"""What a periodic task's row and its schedule's row say, read as plain values.

Loading them as model instances would let one bad row (a time zone that is none) take a batch of 500 down.
"""

import dataclasses
import datetime as dt
import functools
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Expression, F, TextField, Value
from django.db.models.functions import Cast, Concat
from django_celery_beat.models import PeriodicTask

# Each of these decides which slots there are; together they are what `NextRun.planned_from` remembers.
_PLANNED = (
    "enabled",
    "one_off",
    "start_time",
    "expires",
    "interval_id",
    "interval__every",
    "interval__period",
    "crontab_id",
    "crontab__minute",
    "crontab__hour",
    "crontab__day_of_month",
    "crontab__month_of_year",
    "crontab__day_of_week",
    "crontab__timezone",
    "solar_id",
    "solar__event",
    "solar__latitude",
    "solar__longitude",
    "clocked_id",
    "clocked__clocked_time",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One periodic task; the fields are named as in the ORM, without its double underscores."""

    pk: int
    name: str
    task: str
    args: str | None
    kwargs: str | None
    queue: str | None
    exchange: str | None
    routing_key: str | None
    headers: str | None
    priority: int | None
    expires: dt.datetime | None
    expire_seconds: int | None
    one_off: bool
    start_time: dt.datetime | None
    enabled: bool
    last_run_at: dt.datetime | None
    total_run_count: int
    date_changed: dt.datetime | None
    interval_id: int | None
    interval_every: int | None
    interval_period: str | None
    crontab_id: int | None
    crontab_minute: str | None
    crontab_hour: str | None
    crontab_day_of_month: str | None
    crontab_month_of_year: str | None
    crontab_day_of_week: str | None
    crontab_timezone: str | None
    solar_id: int | None
    solar_event: str | None
    solar_latitude: Decimal | None
    solar_longitude: Decimal | None
    clocked_id: int | None
    clocked_time: dt.datetime | None
    run_policy_catch_up: str | None
    run_policy_catch_up_limit: int | None
    run_policy_catch_up_window: int | None
    run_policy_overlap: str | None
    run_policy_overlap_limit: int | None
    run_policy_jitter: int | None
    run_policy_paused_until: dt.datetime | None
    run_policy_late_after: int | None
    fingerprint: str


_RENAMED = {"clocked_time": "clocked__clocked_time"}
_JOINED = ("interval", "crontab", "solar", "run_policy")


def fingerprint(prefix: str = "") -> Expression:
    """What decides the slots of a periodic task, as one text that the database computes.

    `prefix` is the path to the periodic task. Only texts from the same database compare.
    """
    parts: list[Expression] = []
    for name in _PLANNED:
        parts += [Cast(F(prefix + name), TextField()), Value("|")]
    return _joined(parts)


def _joined(parts: list[Expression]) -> Expression:
    """In halves of halves: SQLite's parser does not take forty texts joined one after the other."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return Concat(_joined(parts[:middle]), _joined(parts[middle:]), output_field=TextField())


def read(using: str, pks: Collection[int]) -> dict[int, Row]:
    """The rows by primary key; one statement. A row that was deleted is missing."""
    found = _selection().using(using).filter(pk__in=pks)
    return {values["pk"]: Row(**values) for values in found}


@functools.cache
def _selection() -> Any:
    """Every column of `Row`; made once, since Django takes longer to resolve it than a database to answer."""
    computed = _computed()
    names = [field.name for field in dataclasses.fields(Row) if field.name not in computed]
    renamed = {name: F(_path(name)) for name in names if _path(name) != name}
    plain = [name for name in names if name not in renamed]
    tasks = PeriodicTask._default_manager.all()
    return tasks.annotate(**renamed, **computed).values(*plain, *renamed, *computed)


def _computed() -> dict[str, Expression]:
    return {
        # Through the field's own converter, a zone that is not known would be an error.
        "crontab_timezone": Cast("crontab__timezone", CharField(max_length=63)),
        "fingerprint": fingerprint(),
    }


def _path(name: str) -> str:
    if name in _RENAMED:
        return _RENAMED[name]
    for relation in _JOINED:
        if name.startswith(f"{relation}_") and name != f"{relation}_id":
            return f"{relation}__{name.removeprefix(f'{relation}_')}"
    return name


def row_of(task: PeriodicTask) -> Row:
    """The row of an instance that need not be saved: what a form is about to write."""
    values = {
        field.name: _value(task, _path(field.name))
        for field in dataclasses.fields(Row)
        if field.name not in _computed()
    }
    zone = _value(task, "crontab__timezone")
    return Row(**values, crontab_timezone=None if zone is None else str(zone), fingerprint="")


def _value(task: PeriodicTask, path: str) -> Any:
    found = task
    for name in path.split("__"):
        found = getattr(found, name, None)
    return found
