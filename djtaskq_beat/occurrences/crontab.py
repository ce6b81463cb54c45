import dataclasses
import datetime as dt
import functools
import zoneinfo

from djtaskq_beat.occurrences.fields import Fields
from djtaskq_beat.occurrences.zones import (
    first_change,
    instant_of,
    last_change,
    offset,
    wall,
    zone_named,
)

_MINUTE = dt.timedelta(minutes=1)
_TICK = dt.timedelta(microseconds=1)
_EVERY_HOUR = tuple(range(24))


@dataclasses.dataclass(frozen=True, slots=True)
class Crontab:
    """The wall times in `zone` that `fields` match.

    Where clocks change, it depends on the hour field, as in Vixie's cron:

    - The hour is a wildcard if the field matches all 24 hours, however it is written (`*`, `*/1`, `0-23`).
      Such a schedule follows real time: each instant whose wall time matches is a slot, both times where
      the clocks show a time twice, and never at a time that they skip.
    - Otherwise each matching wall time is one slot: the first instant that shows it; and where clocks skip
      it, the first instant after the gap (once, however many matching times fell into the gap).
    """

    fields: Fields
    zone: zoneinfo.ZoneInfo

    @classmethod
    @functools.lru_cache(maxsize=4096)
    def parse(
        cls,
        minute: str = "*",
        hour: str = "*",
        day_of_month: str = "*",
        month_of_year: str = "*",
        day_of_week: str = "*",
        *,
        zone: str = "UTC",
    ) -> "Crontab":
        """Fields in Celery's notation and the zone's name; raises a subclass of `Unschedulable`."""
        fields = Fields.parse(minute, hour, day_of_month, month_of_year, day_of_week)
        return cls(fields, zone_named(zone))

    @property
    def every_hour(self) -> bool:
        """Whether it follows real time rather than the clock on the wall."""
        return self.fields.hours == _EVERY_HOUR

    def next_after(self, instant: dt.datetime) -> dt.datetime | None:
        search = self._next_real if self.every_hour else self._next_wall
        try:
            return search(instant)
        except OverflowError:  # the search reached the year 10000
            return None

    def latest_until(self, instant: dt.datetime) -> dt.datetime | None:
        search = self._latest_real if self.every_hour else self._latest_wall
        try:
            return search(instant)
        except OverflowError:
            return None

    def _next_wall(self, instant: dt.datetime) -> dt.datetime | None:
        for time in self.fields.walls_from(wall(self.zone, instant)):
            found = instant_of(self.zone, time)
            if found > instant:
                return found
        return None

    def _latest_wall(self, instant: dt.datetime) -> dt.datetime | None:
        # While clocks show the same hour again, the times up to the end of its first showing have all passed.
        first_showing = instant.astimezone(self.zone).replace(fold=0).utcoffset() or dt.timedelta()
        latest = instant.replace(tzinfo=None) + first_showing
        for time in self.fields.walls_until(latest):
            found = instant_of(self.zone, time)
            if found <= instant:
                return found
        return None

    def _next_real(self, instant: dt.datetime) -> dt.datetime | None:
        """Search from one change of the clocks to the next: in between, wall time is a plain shift of UTC."""
        start = wall(self.zone, instant) + _TICK
        while True:
            time = next(self.fields.walls_from(start), None)
            if time is None:
                return None
            found = time.replace(tzinfo=dt.UTC) - offset(self.zone, instant)
            change = first_change(self.zone, instant, found)
            if change is None:
                return found
            instant, start = change, wall(self.zone, change)

    def _latest_real(self, instant: dt.datetime) -> dt.datetime | None:
        while True:
            time = next(self.fields.walls_until(wall(self.zone, instant)), None)
            if time is None:
                return None
            found = time.replace(tzinfo=dt.UTC) - offset(self.zone, instant)
            change = last_change(self.zone, found, instant)
            if change is None:
                return found
            instant = change - _TICK
