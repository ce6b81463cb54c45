import dataclasses
import datetime as dt

from djtaskq_beat.errors import IntervalTooLong, IntervalTooShort, UnknownPeriod

PERIODS = ("days", "hours", "minutes", "seconds", "microseconds")
SHORTEST = dt.timedelta(milliseconds=10)
_LATEST = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """`anchor`, and every whole `period` after it.

    A slot is computed from the anchor, never from the slot before it or from the time of a run, so nothing
    adds up to a drift; and any slot costs one integer division, however long ago the last one was.
    """

    period: dt.timedelta
    anchor: dt.datetime

    @classmethod
    def every(cls, number: int, period: str, anchor: dt.datetime) -> "Interval":
        """`number` of `period`; raises `Unschedulable` for what beat cannot keep."""
        if period not in PERIODS:
            raise UnknownPeriod(period=period)
        try:
            length = dt.timedelta(**{period: number})
        except OverflowError as error:
            raise IntervalTooLong(every=number, period=period) from error
        if length < SHORTEST:
            raise IntervalTooShort(every=number, period=period, shortest=SHORTEST.total_seconds())
        if length > _LATEST - anchor:
            raise IntervalTooLong(every=number, period=period)
        return cls(length, anchor)

    def next_after(self, instant: dt.datetime) -> dt.datetime | None:
        if instant < self.anchor:
            return self.anchor
        return self._slot((instant - self.anchor) // self.period + 1)

    def latest_until(self, instant: dt.datetime) -> dt.datetime | None:
        if instant < self.anchor:
            return None
        return self._slot((instant - self.anchor) // self.period)

    def _slot(self, number: int) -> dt.datetime | None:
        try:
            return self.anchor + number * self.period
        except OverflowError:
            return None
