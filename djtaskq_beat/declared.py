"""The entries of `beat_schedule`, installed as rows; nothing is written where nothing changed."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from celery import Celery, schedules
from celery.utils.log import get_logger
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import DataError, IntegrityError, models, transaction
from django_celery_beat import models as theirs
from django_celery_beat.clockedschedule import clocked
from kombu.utils.json import dumps

from djtaskq_beat.errors import BeatError, IntervalTooShort, NotDeclarable
from djtaskq_beat.occurrences.zones import zone_named

logger = get_logger("celery.beat")
CLEANUP = "celery.backend_cleanup"
_OPTIONS = ("queue", "exchange", "routing_key", "priority")
# What can be wrong with an entry that a person wrote.
_WRONG = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    DataError,
    ValidationError,
    ImproperlyConfigured,
)


def default_entries(app: Celery) -> dict[str, Any]:
    """Celery's own entries: the clean-up of results, where the backend does not expire them by itself."""
    if not app.conf.result_expires or app.backend.supports_autoexpire:
        return {}
    return {
        CLEANUP: {
            "task": CLEANUP,
            "schedule": schedules.crontab("0", "4", "*"),
            "options": {"expire_seconds": 12 * 3600},
        }
    }


def declare(entries: Mapping[str, Mapping[str, Any]], *, app: Celery, using: str) -> None:
    """Make the rows say what the entries say; one statement if they do.

    As in django-celery-beat, what an entry does not speak of (enabled, one_off, start_time, description) is
    left to whoever edits the row. An entry that is wrong is logged, and the others are installed.
    """
    tasks = theirs.PeriodicTask._default_manager.using(using)
    existing = {
        task.name: task
        for task in tasks.filter(name__in=entries).select_related("interval", "crontab", "solar", "clocked")
    }
    for name, entry in entries.items():
        try:
            schedule = schedules.maybe_schedule(entry["schedule"], app=app)
            columns = _columns(**{key: value for key, value in entry.items() if key != "schedule"})
            _install(existing.get(name), {"name": name, **columns}, schedule, using)
        except (*_WRONG, IntegrityError, BeatError):
            if name not in existing and tasks.filter(name=name).exists():
                logger.info("beat: %s was installed by another beat just now", name)
                continue
            logger.exception("beat: the entry %s of beat_schedule cannot be installed: %r", name, entry)


def _install(task: theirs.PeriodicTask | None, wanted: dict[str, Any], schedule: Any, using: str) -> None:
    model, spec = _specified(schedule)
    kind = _KINDS[model]
    current = None if task is None else getattr(task, kind)
    kept = current if current is not None and _says(current, spec) else None
    wanted |= dict.fromkeys(_KINDS.values()) | {kind: kept}
    if task is not None and kept is not None and _says(task, wanted):
        return
    with transaction.atomic(using=using):
        wanted[kind] = kept or _schedule_row(model, spec, using)
        task = task or theirs.PeriodicTask()
        for field, value in wanted.items():
            setattr(task, field, value)
        task.save(using=using)


def _says(row: models.Model, columns: Mapping[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in columns.items())


def _columns(
    *,
    args: Any = None,
    kwargs: Any = None,
    options: Mapping[str, Any] | None = None,
    relative: bool = False,  # noqa: ARG001  a grid has no drift that it could undo
    **columns: Any,
) -> dict[str, Any]:
    options = options or {}
    return {
        **columns,
        "args": dumps(args or []),
        "kwargs": dumps(kwargs or {}),
        **{name: options.get(name) for name in _OPTIONS},
        "headers": dumps(options.get("headers") or {}),
        "expire_seconds": options.get("expire_seconds", _seconds(options.get("expires"))),
    }


def _seconds(expires: Any) -> int | None:
    """Celery's own `expires` in seconds; a fixed time cannot be one of a message that is sent again."""
    if isinstance(expires, dt.timedelta):
        expires = expires.total_seconds()
    return int(expires) if isinstance(expires, int | float) else None


def _specified(schedule: Any) -> tuple[type[models.Model], dict[str, Any]]:
    """The model and the columns of the row that keeps `schedule`."""
    if isinstance(schedule, schedules.crontab):
        spec = {
            name: _field(getattr(schedule, f"_orig_{name}"))
            for name in ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
        }
        return theirs.CrontabSchedule, {**spec, "timezone": zone_named(str(schedule.tz))}
    if isinstance(schedule, schedules.solar):
        place = {"latitude": Decimal(str(schedule.lat)), "longitude": Decimal(str(schedule.lon))}
        return theirs.SolarSchedule, {"event": schedule.event, **place}
    if isinstance(schedule, clocked):
        return theirs.ClockedSchedule, {"clocked_time": schedule.clocked_time}
    run_every = getattr(schedule, "run_every", None)
    if isinstance(run_every, dt.timedelta):
        return theirs.IntervalSchedule, _interval(run_every)
    raise NotDeclarable(schedule=schedule)


def _interval(run_every: dt.timedelta) -> dict[str, Any]:
    microseconds = run_every // dt.timedelta(microseconds=1)
    if microseconds <= 0:
        raise IntervalTooShort(every=run_every.total_seconds(), period="seconds", shortest=0)
    if microseconds % 1_000_000:
        return {"every": microseconds, "period": "microseconds"}
    return {"every": microseconds // 1_000_000, "period": "seconds"}


def _field(value: Any) -> str:
    """A crontab field in text: Celery takes numbers and lists of them too."""
    if isinstance(value, str | int):
        return str(value)
    return ",".join(str(number) for number in sorted(value))


def _schedule_row(model: type[models.Model], spec: Mapping[str, Any], using: str) -> models.Model:
    rows = model._default_manager.using(using)
    return rows.filter(**spec).first() or rows.create(**spec)


_KINDS: dict[type[models.Model], str] = {
    theirs.IntervalSchedule: "interval",
    theirs.CrontabSchedule: "crontab",
    theirs.SolarSchedule: "solar",
    theirs.ClockedSchedule: "clocked",
}
