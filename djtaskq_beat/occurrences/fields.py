"""The five fields of a crontab as sets of numbers, and the wall times that they match."""

import calendar
import dataclasses
import datetime as dt
from collections.abc import Iterator

from celery.schedules import ParseException, crontab_parser

from djtaskq_beat.errors import InvalidCrontab, NeverOccurs
from djtaskq_beat.occurrences.zones import Wall

_MINUTE = dt.timedelta(minutes=1)
# 29 February falls on each day of the week within 28 years, or within 40 where a century is no leap year.
_HORIZON = 41 * 12
_LONGEST = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclasses.dataclass(frozen=True, slots=True)
class Fields:
    """What each field matches, in ascending order; Sunday is 0, as in Celery.

    A day must be matched by `days_of_month` and by `days_of_week`: Celery's rule, not Vixie cron's.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_of_month: tuple[int, ...]
    months: tuple[int, ...]
    days_of_week: tuple[int, ...]

    @classmethod
    def parse(
        cls, minute: str, hour: str, day_of_month: str, month_of_year: str, day_of_week: str
    ) -> "Fields":
        """Read the fields by Celery's own parser; raises `InvalidCrontab` or `NeverOccurs`."""
        months = _numbers("month_of_year", month_of_year, crontab_parser(12, 1))
        days = _numbers("day_of_month", day_of_month, crontab_parser(31, 1))
        if min(days) > max(_LONGEST[month] for month in months):
            raise NeverOccurs(days=day_of_month, months=month_of_year)
        return cls(
            minutes=_numbers("minute", minute, crontab_parser(60)),
            hours=_numbers("hour", hour, crontab_parser(24)),
            days_of_month=days,
            months=months,
            days_of_week=_numbers("day_of_week", day_of_week, crontab_parser(7)),
        )

    def walls_from(self, start: Wall) -> Iterator[Wall]:
        """The matching wall times from `start` on, in order."""
        start = _minute_of(start + _MINUTE - dt.timedelta(microseconds=1))
        for day in self._days_from(start.date()):
            first = start.hour if day == start.date() else 0
            for hour in (hour for hour in self.hours if hour >= first):
                for minute in self.minutes:
                    time = _wall(day, hour, minute)
                    if time >= start:
                        yield time

    def walls_until(self, end: Wall) -> Iterator[Wall]:
        """The matching wall times up to `end`, the latest first."""
        for day in self._days_until(end.date()):
            last = end.hour if day == end.date() else 23
            for hour in (hour for hour in reversed(self.hours) if hour <= last):
                for minute in reversed(self.minutes):
                    time = _wall(day, hour, minute)
                    if time <= end:
                        yield time

    def _days_from(self, start: dt.date) -> Iterator[dt.date]:
        for months_later in range(_HORIZON):
            year, month = _month(start, months_later)
            for day in self._days_of(year, month):
                if day >= start:
                    yield day

    def _days_until(self, end: dt.date) -> Iterator[dt.date]:
        for months_earlier in range(_HORIZON):
            year, month = _month(end, -months_earlier)
            for day in reversed(self._days_of(year, month)):
                if day <= end:
                    yield day

    def _days_of(self, year: int, month: int) -> list[dt.date]:
        if month not in self.months or not dt.MINYEAR <= year <= dt.MAXYEAR:
            return []
        length = calendar.monthrange(year, month)[1]
        days = (dt.date(year, month, day) for day in self.days_of_month if day <= length)
        return [day for day in days if day.isoweekday() % 7 in self.days_of_week]


def _numbers(field: str, value: str, parser: crontab_parser) -> tuple[int, ...]:
    try:
        numbers = sorted(parser.parse(value))
    except (ParseException, ValueError, IndexError, OverflowError) as error:
        raise InvalidCrontab(field=field, value=value, reason=str(error)) from error
    if not numbers:
        raise InvalidCrontab(field=field, value=value, reason="it matches nothing")
    return tuple(numbers)


def _month(day: dt.date, later: int) -> tuple[int, int]:
    year, month = divmod(day.year * 12 + day.month - 1 + later, 12)
    return year, month + 1


def _wall(day: dt.date, hour: int, minute: int) -> Wall:
    return dt.datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001  a wall clock has no zone


def _minute_of(time: Wall) -> Wall:
    return time.replace(second=0, microsecond=0)
