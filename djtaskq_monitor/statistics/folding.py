"""Summing up what cameras counted, by the minute, the hour and the day at once.

Any number of processes may do so at a time: each takes fresh rows that no other one holds, and the sums that
it adds to are its own until it commits.
"""

import logging
import time
from collections.abc import Sequence

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import F

from djtaskq.db.claims import claim, writing
from djtaskq.db.features import features
from djtaskq.db.fields import from_microseconds, to_microseconds
from djtaskq.db.retry import Cause, cause
from djtaskq.db.upsert import MOST_ROWS, Incoming, Upsert
from djtaskq_monitor.statistics import counters, histogram, labels
from djtaskq_monitor.statistics.contributions import MICRO
from djtaskq_monitor.statistics.models import FreshStatistics, TaskStatistics
from djtaskq_monitor.statistics.tally import STATES, Cell, Tally

logger = logging.getLogger(__name__)

RESOLUTIONS = (TaskStatistics.MINUTE, TaskStatistics.HOUR, TaskStatistics.DAY)
# In one transaction, so that nobody has to wait for it for long.
MOST_FRESH = 200
EVERY_SECONDS = 10.0
_PAUSES = 9
_LARGEST = (1 << 63) - 1
_KEY = ("resolution", "at", "series")
FIGURES = (*STATES, "runtime", "wait", "runtimes", "waits")
# To insert a row, or to lock the one that is there, and to learn what is in it.
_TAKE = Upsert(TaskStatistics, key=_KEY, assign={"sent": F("sent")})
_REPLACE = Upsert(TaskStatistics, key=_KEY, assign={name: Incoming(name) for name in FIGURES})

# A sum's resolution, the microsecond at which it begins, and its series.
Key = tuple[int, int, int]


def fold(*, using: str, most: int = MOST_FRESH) -> int:
    """Sum up `most` fresh rows, the oldest first; how many there were."""
    try:
        with writing(using):
            fresh = claim(FreshStatistics.objects.using(using).order_by("pk"), most)
            tally = Tally()
            for row in fresh:
                tally.read(row.body)
            _add(tally, using)
            FreshStatistics.objects.using(using).filter(pk__in=[row.pk for row in fresh]).delete()
    except DatabaseError as error:
        if cause(error) is not Cause.CONFLICT or connections[using].in_atomic_block:
            raise
        return 0
    return len(fresh)


def begins(minute: int, resolution: int) -> int:
    """The microsecond at which the period begins in which a minute lies."""
    return minute * 60 // resolution * resolution * MICRO


def _add(tally: Tally, using: str) -> None:
    counted = labels.counted_as({label for label, _minute, _cell in tally}, using)
    sums: dict[Key, Cell] = {}
    for label, minute, cell in tally:
        for resolution in RESOLUTIONS:
            at = begins(minute, resolution)
            for series in counted[label]:
                sums.setdefault((resolution, at, series), Cell()).add(cell)
    keys = sorted(sums)
    for start in range(0, len(keys), MOST_ROWS):
        part = keys[start : start + MOST_ROWS]
        for key, cell in _taken(part, using).items():
            sums[key].add(cell)
        _REPLACE.write([_row(key, sums[key]) for key in part], using=using)
    counters.add(tally, using)


def _taken(keys: Sequence[Key], using: str) -> dict[Key, Cell]:
    """What stands in these sums, which nobody else changes from now on."""
    rows = [_row(key, Cell()) for key in keys]
    columns = ("resolution", "at", "series", *FIGURES)
    if features(using).returning_upsert:
        found = _TAKE.write(rows, using=using, returning=columns)
    else:
        _TAKE.write(rows, using=using)
        resolutions, instants, series = map(set, zip(*keys, strict=True))
        found = list(
            TaskStatistics.objects.using(using)
            .filter(resolution__in=resolutions, at__in=instants, series__in=series)
            .values_list(*columns)
        )
    cells = {
        (resolution, to_microseconds(at), series): cell(figures) for resolution, at, series, *figures in found
    }
    return {key: cells[key] for key in keys}


def cell(figures: Sequence[object]) -> Cell:
    """The columns that `FIGURES` names, as a cell."""
    *numbers, runtimes, waits = figures
    *states, runtime, wait = (int(str(number)) for number in numbers)
    return Cell(states, runtime, wait, histogram.read(str(runtimes)), histogram.read(str(waits)))


def _row(key: Key, cell: Cell) -> TaskStatistics:
    resolution, at, series = key
    figures = dict(zip(STATES, cell.states, strict=True)) | {"runtime": cell.runtime, "wait": cell.wait}
    return TaskStatistics(
        resolution=resolution,
        at=from_microseconds(at),
        series_id=series,
        runtimes=histogram.write(cell.runtimes),
        waits=histogram.write(cell.waits),
        **{name: max(-_LARGEST, min(_LARGEST, value)) for name, value in figures.items()},
    )


class Folder:
    """Folds now and then, for a process that writes all the time."""

    def __init__(self, seconds: float = EVERY_SECONDS) -> None:
        self.seconds = seconds
        self._next = 0.0

    def after_write(self, *, using: str) -> None:
        """Fold what there is, if it is time; a database that does not answer is left for the next time."""
        if time.monotonic() < self._next:
            return
        began = time.monotonic()
        try:
            while fold(using=using) >= MOST_FRESH:
                pass
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Statistics are not summed up this time: %s", error)
        ended = time.monotonic()
        # Events come first: no more than a tenth of the time goes into sums.
        self._next = ended + max(self.seconds, _PAUSES * (ended - began))
