"""What a camera that starts finds of those before it: since when none was there, and what they had seen."""

import datetime as dt
import logging
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from djtaskq.conf import conf
from djtaskq_monitor.models import CameraState, TaskState, WorkerState
from djtaskq_monitor.recording.journal import Journal
from djtaskq_monitor.recording.missed import Missed, Told
from djtaskq_monitor.recording.values import MICRO

logger = logging.getLogger(__name__)

# Workers whose numbers are worth comparing, and tasks that may have started since their last heartbeat.
_REMEMBERED = dt.timedelta(days=1)
_LONGEST_IN_QUEUE = dt.timedelta(minutes=10)
_MOST_STARTS = 10_000


class Absence:
    """The time between the camera before, on the same queue, and this one; `driver` is the broker's kind."""

    def __init__(self, journal: Journal, missed: Missed, driver: str) -> None:
        self.journal = journal
        self.missed = missed
        self.driver = driver
        self._before: CameraState | None = None

    def look_back(self, *, using: str) -> None:
        """To be done before the first event is taken."""
        runs = CameraState.objects.using(using).filter(queue=self.journal.row.queue)
        try:
            self._before = runs.order_by("-last_write").first()
            for worker, told, seen in _workers(using):
                self.missed.begin(worker.hostname, worker.pid or 0, told, seen)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("What cameras before this one saw cannot be read: %s", error)

    def decide(self, *, using: str) -> None:
        """Tell the journal of a time without a camera, once it is certain that the one before has gone."""
        before = self._before
        if before is None:
            return
        try:
            now = CameraState.objects.using(using).filter(pk=before.pk).first()
        except (DatabaseError, InterfaceError):
            return
        if now is not None and now.running():
            if now.last_write != before.last_write:
                self._before = None  # it writes on: it was here all the time
            return
        self._before = None
        span = _lost(before, self.driver, self.journal.row.started or timezone.now())
        if span is not None:
            self.journal.was_away(*span)


def _lost(before: CameraState, driver: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime] | None:
    """The time of which the broker kept no events since the last camera on this queue."""
    ended = before.stopped or before.last_write
    if ended is None or ended >= now or (driver == "filesystem" and before.stopped is None):
        return None  # killed, it left its queue behind, where files never expire
    if driver != "amqp":
        return ended, now
    kept = min(conf().MONITOR_QUEUE_TTL, conf().MONITOR_QUEUE_EXPIRES)
    if now - ended > dt.timedelta(seconds=conf().MONITOR_QUEUE_EXPIRES):
        return ended, now
    until = now - dt.timedelta(seconds=kept)
    return (ended, until) if until > ended else None


def _workers(using: str) -> Iterator[tuple[WorkerState, Told, int]]:
    """Workers that were there a while ago, what each told last, and how many starts were seen after that."""
    recent = WorkerState.objects.using(using).filter(
        last_heartbeat__gt=timezone.now() - _REMEMBERED, processed__isnull=False, load_key__gt=0
    )
    for worker in recent:
        at = dt.datetime.fromtimestamp(worker.load_key / MICRO, tz=dt.UTC)
        started = TaskState.objects.using(using).filter(
            worker__hostname=worker.hostname, first_seen__gt=at - _LONGEST_IN_QUEUE, started__gt=at
        )
        seen = started.order_by()[:_MOST_STARTS].count()
        yield worker, Told(worker.processed or 0, worker.load_key / MICRO), seen
