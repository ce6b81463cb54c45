import dataclasses
import datetime as dt


@dataclasses.dataclass(frozen=True, slots=True)
class Clocked:
    """Once, at `time`."""

    time: dt.datetime

    def next_after(self, instant: dt.datetime) -> dt.datetime | None:
        return self.time if self.time > instant else None

    def latest_until(self, instant: dt.datetime) -> dt.datetime | None:
        return self.time if self.time <= instant else None
