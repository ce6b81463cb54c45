"""When schedules occur: pure arithmetic on instants, without a database and without a Celery app."""

import datetime as dt
from typing import Protocol


class Occurrences(Protocol):
    """A set of instants in time. Every datetime, in and out, is aware and in UTC."""

    def next_after(self, instant: dt.datetime) -> dt.datetime | None:
        """The first occurrence later than `instant`; None if there is none."""

    def latest_until(self, instant: dt.datetime) -> dt.datetime | None:
        """The last occurrence that is not later than `instant`; None if there is none."""
