import dataclasses
import datetime as dt
import functools
from types import ModuleType
from typing import Any, NamedTuple

from djtaskq_beat.errors import EphemMissing, InvalidSolar

_DAY = dt.timedelta(days=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# A polar night or day is over within half a year; a whole year without the event is one without an end.
_HORIZON = 366
_MOST_LATITUDE, _MOST_LONGITUDE = 90, 180


class _Event(NamedTuple):
    """How ephem finds an event: its method, the horizon in degrees, and whether the sun's centre counts."""

    method: str
    horizon: str
    use_center: bool


# The events and horizons of Celery's solar schedule.
EVENTS = {
    "dawn_astronomical": _Event("next_rising", "-18", use_center=True),
    "dawn_nautical": _Event("next_rising", "-12", use_center=True),
    "dawn_civil": _Event("next_rising", "-6", use_center=True),
    "sunrise": _Event("next_rising", "-0:34", use_center=False),
    "solar_noon": _Event("next_transit", "0", use_center=False),
    "sunset": _Event("next_setting", "-0:34", use_center=False),
    "dusk_civil": _Event("next_setting", "-6", use_center=True),
    "dusk_nautical": _Event("next_setting", "-12", use_center=True),
    "dusk_astronomical": _Event("next_setting", "-18", use_center=True),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Solar:
    """An event of the sun at a place, to the second, as ephem computes it.

    Each event is computed from the mean solar midnight before it and from nothing else: whoever asks, and
    from whichever instant, gets the same slot. Where the sun does not rise or set for weeks, the search
    goes on day by day for a year and then answers None.
    """

    event: str
    latitude: float
    longitude: float

    @classmethod
    def at(cls, event: str, latitude: float, longitude: float) -> "Solar":
        """Raises `EphemMissing` or `InvalidSolar`."""
        _ephem()
        if event not in EVENTS:
            raise InvalidSolar(reason=f"there is no event {event!r}")
        if not -_MOST_LATITUDE <= latitude <= _MOST_LATITUDE:
            raise InvalidSolar(reason=f"latitude {latitude} is not between -90 and 90")
        if not -_MOST_LONGITUDE <= longitude <= _MOST_LONGITUDE:
            raise InvalidSolar(reason=f"longitude {longitude} is not between -180 and 180")
        return cls(event, latitude, longitude)

    def next_after(self, instant: dt.datetime) -> dt.datetime | None:
        today = self._day_of(instant)
        for day in range(today, today + _HORIZON):
            for found in _events(self, day):
                if found > instant:
                    return found
        return None

    def latest_until(self, instant: dt.datetime) -> dt.datetime | None:
        today = self._day_of(instant)
        for day in range(today, today - _HORIZON, -1):
            for found in reversed(_events(self, day)):
                if found <= instant:
                    return found
        return None

    def midnight(self, day: int) -> dt.datetime:
        """Mean solar midnight at the place, `day` days after the first one of 1970."""
        return _EPOCH + day * _DAY - _DAY * (self.longitude / 360)

    def _day_of(self, instant: dt.datetime) -> int:
        return (instant - self.midnight(0)) // _DAY


@functools.lru_cache(maxsize=4096)
def _events(place: Solar, day: int) -> tuple[dt.datetime, ...]:
    """The events from one mean midnight to the next: one, none, or (as polar days begin and end) two."""
    ephem = _ephem()
    method, horizon, use_center = EVENTS[place.event]
    observer = ephem.Observer()
    observer.lat, observer.lon = str(place.latitude), str(place.longitude)
    observer.elev, observer.pressure, observer.horizon = 0, 0, horizon
    options: dict[str, Any] = {"use_center": True} if use_center else {}
    try:
        start, end = place.midnight(day), place.midnight(day + 1)
    except OverflowError:
        return ()
    found: list[dt.datetime] = []
    while True:
        try:
            date = getattr(observer, method)(ephem.Sun(), start=ephem.Date(_naive(start)), **options)
        except ephem.CircumpolarError:
            return tuple(found)
        event = date.datetime().replace(microsecond=0, tzinfo=dt.UTC)
        if event >= end:
            return tuple(found)
        if event >= start:
            found.append(event)
        start = max(event, start) + dt.timedelta(minutes=1)


def _naive(instant: dt.datetime) -> dt.datetime:
    return instant.replace(tzinfo=None)


@functools.cache
def _ephem() -> ModuleType:
    try:
        import ephem  # an optional dependency: only solar schedules need it
    except ImportError as error:
        raise EphemMissing from error
    return ephem
