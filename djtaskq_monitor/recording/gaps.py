"""Tasks that workers started and no camera recorded: what heartbeats count, against the tables."""

import datetime as dt
import logging
import time

from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.utils import timezone

from djtaskq.conf import conf
from djtaskq.db.fields import from_microseconds, to_microseconds
from djtaskq_monitor.models import BEATS_MISSED, CameraState, TaskState, WorkerState
from djtaskq_monitor.recording import repeats
from djtaskq_monitor.recording.journal import Journal
from djtaskq_monitor.recording.missed import Gap, Missed, Told
from djtaskq_monitor.recording.runs import TELLING, may_run
from djtaskq_monitor.recording.values import MICRO

logger = logging.getLogger(__name__)

# Workers whose numbers are worth comparing, and tasks that may have started since their last heartbeat.
_REMEMBERED = dt.timedelta(days=1)
_LONGEST_IN_QUEUE = dt.timedelta(minutes=10)


class Gaps:
    """What the run that `journal` is of, and all others, did not see; `driver` is the broker's kind."""

    def __init__(self, journal: Journal, missed: Missed, driver: str) -> None:
        self.journal = journal
        self.missed = missed
        self.driver = driver
        self._ends: float | None = None

    def look_back(self, *, using: str) -> None:
        """Learn what workers told last; to be done before the first event is taken."""
        recent = WorkerState.objects.using(using).filter(
            last_heartbeat__gt=timezone.now() - _REMEMBERED, processed__isnull=False, load_key__gt=0
        )
        try:
            for worker in recent:
                told = Told(worker.processed or 0, worker.load_key / MICRO)
                self.missed.begin(worker.hostname, worker.pid or 0, told)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("What cameras before this one saw cannot be read: %s", error)

    def count(self, *, using: str) -> None:
        """Tell the journal how many starts were missed; to be done after what is pending was written."""
        try:
            self._look_into_gaps(using)
            missed = self.missed.total
            self.journal.row.missed = None if missed and self._is_shared(using) else missed
        except (DatabaseError, InterfaceError) as error:
            logger.warning("What nobody saw is not counted this time: %s", error)

    def _look_into_gaps(self, using: str) -> None:
        gaps = list(self.missed.gaps())
        if not gaps:
            self._ends = None
            return
        now = time.monotonic()
        if self._ends is None:
            # Other cameras may take so long to write what they saw.
            self._ends = now + BEATS_MISSED * self.journal.row.freq + conf().MONITOR_WORKER_GRACE
        for gap in gaps:
            gap.recorded = _recorded(gap, using)
            gap.settled = not gap.missed or now >= self._ends
        lost = sum(gap.missed for gap in gaps if gap.settled)
        if lost:
            logger.warning("Workers started %d tasks of which no camera took the events", lost)

    def _is_shared(self, using: str) -> bool:
        """Whether another camera takes a part of the queue's events: nobody knows then what is missing."""
        if self.driver in TELLING:
            return False
        row = self.journal.row
        others = CameraState.objects.using(using).filter(queue=row.queue, stopped=None).exclude(pk=row.pk)
        return any(may_run(other) for other in others)


def _recorded(gap: Gap, using: str) -> int:
    """How many starts of the gap are in the tables; a task that was tried again has several."""
    since, until = (round(told.at * MICRO) for told in (gap.since, gap.until))
    begins, ends = from_microseconds(since), from_microseconds(until)
    rows = TaskState.objects.using(using).filter(
        Q(started__lte=ends) | Q(repeats__isnull=False),
        started__gt=begins,
        worker__hostname=gap.hostname,
        first_seen__gt=begins - _LONGEST_IN_QUEUE,
        first_seen__lte=ends,
    )
    return sum(
        since < at <= until
        for last, earlier in rows.order_by().values_list("started", "repeats")
        for at in {to_microseconds(last or begins), *repeats.read(earlier).get("started", ())}
    )
