"""The rules that the admin has for a periodic task, held by an entry that is to be written."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django_celery_beat import models as theirs
from kombu.utils.json import dumps

from djtaskq_beat.errors import BeatError, InvalidMessage, WrongEntry
from djtaskq_beat.exchange.entries import CRONTAB, JSON, NUMBERS, TEXTS, TIMES, Entry
from djtaskq_beat.message import message_of
from djtaskq_beat.occurrences.zones import zone_named
from djtaskq_beat.rows import row_of
from djtaskq_beat.timetable import KINDS, schedule_of

MODELS: dict[str, type[models.Model]] = {
    "interval": theirs.IntervalSchedule,
    "crontab": theirs.CrontabSchedule,
    "solar": theirs.SolarSchedule,
    "clocked": theirs.ClockedSchedule,
}
_NOT_SAVED = 0
_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def checked(name: str, entry: Entry, now: dt.datetime) -> None:
    """Raise `WrongEntry` where the admin would not save what `entry` says."""
    try:
        task = task_of(name, entry)
        for kind in KINDS:
            if kind in entry:
                schedule = schedule_row_of(kind, entry)
                schedule.pk = _NOT_SAVED
                schedule.clean_fields()
                setattr(task, kind, schedule)
        _check_columns(name, entry)
        row = row_of(task)
        message_of(row)
        found = schedule_of(row, now)
    except ValidationError as error:
        raise WrongEntry(name=name, field=_kind(entry), reason=" ".join(error.messages)) from error
    except InvalidMessage as error:
        raise WrongEntry(
            name=name, field=str(error.details["field"]), reason=str(error.details["reason"])
        ) from error
    except BeatError as error:
        raise WrongEntry(name=name, field=_kind(entry), reason=str(error)) from error
    if task.enabled and found.next_after(_EVER if "clocked" in entry else now) is None:
        reason = "it would never run: no time is left between its start and its expiry."
        raise WrongEntry(name=name, field=_kind(entry), reason=reason)


def task_of(name: str, entry: Entry) -> theirs.PeriodicTask:
    """The row that `entry` says, without its schedule."""
    return theirs.PeriodicTask(
        name=name,
        task=entry["task"],
        enabled=entry.get("enabled", True),
        one_off=entry.get("one_off", "clocked" in entry),
        **{field: _as_json(entry.get(field), shape) for field, shape in JSON.items()},
        **{field: entry.get(field) or None for field in ("queue", "exchange", "routing_key")},
        **{field: entry.get(field) for field in NUMBERS},
        **{field: stored_time(entry.get(field)) for field in TIMES},
        description=entry.get("description", ""),
    )


WRITTEN = ("task", "enabled", "one_off", *JSON, *TEXTS, *NUMBERS, *TIMES)


def schedule_row_of(kind: str, entry: Entry) -> Any:
    """The schedule's row that `entry` says, not saved; raises `UnknownZone`."""
    value = entry[kind]
    if kind == "crontab":
        fields = dict(zip(CRONTAB, value.split(), strict=True))
        return theirs.CrontabSchedule(**fields, timezone=zone_named(entry["timezone"]))
    if kind == "interval":
        every, period = value.split()
        return theirs.IntervalSchedule(every=int(every), period=period.removesuffix("s") + "s")
    if kind == "solar":
        place = {name: Decimal(str(value[name])) for name in ("latitude", "longitude")}
        return theirs.SolarSchedule(event=value["event"], **place)
    return theirs.ClockedSchedule(clocked_time=stored_time(value))


def stored_time(text: str | None) -> dt.datetime | None:
    """An instant as Django's settings want it in a column of django-celery-beat."""
    if text is None:
        return None
    instant = dt.datetime.fromisoformat(text)
    return instant if settings.USE_TZ else timezone.make_naive(instant, timezone.get_default_timezone())


def _check_columns(name: str, entry: Entry) -> None:
    if "clocked" in entry and not entry.get("one_off", True):
        raise WrongEntry(name=name, field="one_off", reason="a clocked time comes once: leave it out.")
    if "expires" in entry and "expire_seconds" in entry:
        raise WrongEntry(name=name, field="expires", reason="keep it, or expire_seconds: not both.")


def _as_json(value: Any, shape: type) -> str:
    return value if isinstance(value, str) else dumps(shape() if value is None else value)


def _kind(entry: Entry) -> str:
    return next((kind for kind in KINDS if kind in entry), "schedule")
