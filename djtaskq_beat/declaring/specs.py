"""Celery's schedules as the rows of django-celery-beat that keep them."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from celery import Celery, schedules
from celery.utils.time import LocalTimezone
from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils import timezone
from django_celery_beat import models as theirs
from django_celery_beat.clockedschedule import clocked

from djtaskq_beat.errors import IntervalTooShort, NotDeclarable
from djtaskq_beat.instants import aware
from djtaskq_beat.occurrences.zones import zone_named

MODELS: Mapping[str, type[models.Model]] = {
    "interval": theirs.IntervalSchedule,
    "crontab": theirs.CrontabSchedule,
    "solar": theirs.SolarSchedule,
    "clocked": theirs.ClockedSchedule,
}
CRONTAB = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
_MICRODEGREE = Decimal("0.000001")


@dataclasses.dataclass(frozen=True, slots=True)
class Spec:
    """A schedule's row that need not exist: its kind, one of `MODELS`, and its columns as they are read."""

    kind: str
    columns: Mapping[str, Any]


def spec_of(schedule: Any, app: Celery) -> Spec:
    """The row that keeps `schedule`, a number of seconds, a timedelta or one of Celery's schedules.

    What subclasses add and a schedule's own `nowfun` have no column: as in django-celery-beat, the fields
    are what counts. Raises `NotDeclarable`, or what is wrong with a field.
    """
    schedule = schedules.maybe_schedule(schedule, app=app)
    spec = _unchecked(schedule)
    row = MODELS[spec.kind](**spec.columns)
    if spec.kind == "crontab":
        # Celery has read the fields already, and takes more than the form's validators do.
        _check_lengths(row, CRONTAB)
    else:
        row.clean_fields()
    return spec


def as_stored(value: dt.datetime) -> dt.datetime:
    """`value` as Django gives it back from a column: a naive one is in Django's TIME_ZONE."""
    instant = aware(value)
    return instant if settings.USE_TZ else timezone.make_naive(instant, timezone.get_default_timezone())


def _unchecked(schedule: Any) -> Spec:
    if isinstance(schedule, schedules.crontab):
        return Spec(
            "crontab", {name: _field(schedule, name) for name in CRONTAB} | {"timezone": _zone(schedule.tz)}
        )
    if isinstance(schedule, schedules.solar):
        place = {"latitude": _degrees(schedule.lat), "longitude": _degrees(schedule.lon)}
        return Spec("solar", {"event": schedule.event, **place})
    if isinstance(schedule, clocked):
        return Spec("clocked", {"clocked_time": as_stored(schedule.clocked_time)})
    run_every = getattr(schedule, "run_every", None)
    if isinstance(run_every, dt.timedelta):
        return Spec("interval", _interval(run_every))
    raise NotDeclarable(schedule=schedule)


def _field(crontab: Any, name: str) -> str:
    """A crontab's field as it was written; numbers and lists of them, which Celery takes too, as text."""
    written = getattr(crontab, f"_orig_{name}")
    if isinstance(written, str | int):
        return str(written)
    # An iterator has been read to its end by now.
    return ",".join(str(number) for number in sorted(getattr(crontab, name)))


def _zone(zone: Any) -> str:
    if isinstance(zone, LocalTimezone):
        # Celery's word for the time of the host, which Django sets to its own.
        zone = timezone.get_default_timezone_name()
    return str(zone_named(str(zone)))


def _degrees(number: Any) -> Decimal:
    """As the column rounds it: a row must be found again by what it was made from."""
    return Decimal(str(number)).quantize(_MICRODEGREE)


def _interval(run_every: dt.timedelta) -> dict[str, Any]:
    microseconds = run_every // dt.timedelta(microseconds=1)
    if microseconds <= 0:
        raise IntervalTooShort(every=run_every.total_seconds(), period="seconds", shortest=0)
    if microseconds % 1_000_000:
        return {"every": microseconds, "period": "microseconds"}
    return {"every": microseconds // 1_000_000, "period": "seconds"}


def _check_lengths(row: models.Model, names: tuple[str, ...]) -> None:
    for name in names:
        for validator in row._meta.get_field(name).validators:  # type: ignore[union-attr]
            if isinstance(validator, MaxLengthValidator):
                validator(getattr(row, name))
