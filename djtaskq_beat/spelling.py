"""Schedules in the words that people write them in."""

import zoneinfo
from collections.abc import Iterable

from django.utils import timezone

from djtaskq_beat.errors import UnknownZone
from djtaskq_beat.instants import aware
from djtaskq_beat.occurrences.zones import zone_named
from djtaskq_beat.rows import Row


def crontab(fields: Iterable[str | None]) -> str:
    """The five fields in cron's order, without the spaces that Celery allows inside of one."""
    return " ".join("".join((field or "").split()) for field in fields)


def notation(row: Row) -> str:
    """The fields of a row's crontab; empty for what is no crontab."""
    if row.crontab_id is None:
        return ""
    return crontab(
        (
            row.crontab_minute,
            row.crontab_hour,
            row.crontab_day_of_month,
            row.crontab_month_of_year,
            row.crontab_day_of_week,
        )
    )


def interval(every: int | None, period: str | None) -> str:
    period = period or ""
    return f"{every} {period.removesuffix('s') if every == 1 else period}"


def schedule_in_words(row: Row) -> str:
    """As in "crontab 0 4 * * * Europe/Berlin" or "every 5 minutes"; a row without one says so."""
    if row.crontab_id is not None:
        return f"crontab {notation(row)} {row.crontab_timezone}"
    if row.interval_id is not None:
        return f"every {interval(row.interval_every, row.interval_period)}"
    if row.solar_id is not None:
        return f"{row.solar_event} at {row.solar_latitude}, {row.solar_longitude}"
    if row.clocked_id is not None and row.clocked_time is not None:
        return f"once at {aware(row.clocked_time).isoformat(sep=' ')}"
    return "no schedule"


def zone_of(row: Row) -> zoneinfo.ZoneInfo:
    """The zone that the row's times are meant in: a crontab's own, Django's for everything else."""
    if row.crontab_id is not None:
        try:
            return zone_named(row.crontab_timezone or "")
        except UnknownZone:  # said of the row where it is planned
            return zone_named("UTC")
    return zone_named(timezone.get_default_timezone_name())
