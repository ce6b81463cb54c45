import dataclasses
import datetime as dt

from djtaskq_beat.occurrences import Occurrences

_TICK = dt.timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Bounded:
    """Those of `occurrences` that are not before `start` and are before `end`; either may be open."""

    occurrences: Occurrences
    start: dt.datetime | None
    end: dt.datetime | None

    def next_after(self, instant: dt.datetime) -> dt.datetime | None:
        if self.start is not None and instant < self.start:
            instant = self.start - _TICK
        found = self.occurrences.next_after(instant)
        if found is None or self.end is None or found < self.end:
            return found
        return None

    def latest_until(self, instant: dt.datetime) -> dt.datetime | None:
        if self.end is not None and instant >= self.end:
            instant = self.end - _TICK
        found = self.occurrences.latest_until(instant)
        if found is None or self.start is None or found >= self.start:
            return found
        return None
