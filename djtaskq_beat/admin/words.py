"""Schedules in words, as the pages show them."""

import functools

from celery.schedules import ParseException
from django.utils.translation import gettext as _
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, SolarSchedule

from djtaskq.admin import widgets
from djtaskq_beat.instants import aware
from djtaskq_beat.rows import Row
from djtaskq_beat.spelling import notation


def in_words(row: Row) -> str:
    """As in “every 5 minutes” or “At 04:00 AM, Europe/Paris”, whatever the row holds."""
    if row.crontab_id is not None:
        return f"{_described(notation(row))}, {row.crontab_timezone}"
    if row.interval_id is not None and row.interval_every is not None:
        return str(IntervalSchedule(every=row.interval_every, period=row.interval_period))
    if row.solar_id is not None:
        return str(
            SolarSchedule(event=row.solar_event, latitude=row.solar_latitude, longitude=row.solar_longitude)
        )
    if row.clocked_id is not None and row.clocked_time is not None:
        return _("once, at %s") % widgets.exactly(aware(row.clocked_time))
    return _("no schedule")


@functools.lru_cache(maxsize=4096)
def _described(notation: str) -> str:
    """Five fields in words; as they are where they mean nothing. Cached: the words take a millisecond."""
    minute, hour, day_of_month, month_of_year, day_of_week = [*notation.split(" "), *[""] * 5][:5]
    schedule = CrontabSchedule(
        minute=minute,
        hour=hour,
        day_of_month=day_of_month,
        month_of_year=month_of_year,
        day_of_week=day_of_week,
        timezone="UTC",
    )
    try:
        words: str = schedule.human_readable.removesuffix(" UTC")
    except (ParseException, ValueError, IndexError, TypeError, OverflowError):
        return notation
    return words
