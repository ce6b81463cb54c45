"""The time before this camera came in which none took events and no broker kept them."""

import datetime as dt
import logging

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from djtaskq.conf import conf
from djtaskq_monitor.models import CameraState
from djtaskq_monitor.recording.journal import Journal
from djtaskq_monitor.recording.runs import TELLING, may_run

logger = logging.getLogger(__name__)


class Absence:
    """What was before the run that `journal` is of; `driver` is the broker's kind."""

    def __init__(self, journal: Journal, driver: str) -> None:
        self.journal = journal
        self.driver = driver
        self._before: CameraState | None = None

    def look_back(self, *, using: str) -> None:
        """Find the run before; to be done before the first event is taken."""
        runs = CameraState.objects.using(using).exclude(last_write=None)
        if self.driver not in TELLING:
            # Each queue is kept for itself.
            runs = runs.filter(queue=self.journal.row.queue)
        try:
            self._before = runs.order_by("-last_write").first()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("What cameras before this one did cannot be read: %s", error)

    def decide(self, *, using: str) -> None:
        """Tell the journal of a time without a camera, once it is certain that the one before has gone."""
        if self._before is None:
            return
        began = self.journal.row.started or timezone.now()
        ended = self._before.stopped or self._before.last_write or began
        others = CameraState.objects.using(using).exclude(pk=self.journal.row.pk)
        try:
            if others.filter(started__lte=ended, last_write__gt=began).exists():
                self._before = None  # somebody was there all the time
        except (DatabaseError, InterfaceError):
            return
        if self._before is None or may_run(self._before):
            return
        span = _lost(ended, began, self.driver, killed=self._before.stopped is None)
        self._before = None
        if span is not None:
            self.journal.was_away(*span)


def _lost(
    ended: dt.datetime, began: dt.datetime, driver: str, *, killed: bool
) -> tuple[dt.datetime, dt.datetime] | None:
    """The time from when the camera before ended until this one began of which the broker kept no events."""
    if ended >= began or (driver == "filesystem" and killed):
        return None  # killed, it left its queue behind, where files never expire
    if driver != "amqp":
        return ended, began
    kept = min(conf().MONITOR_QUEUE_TTL, conf().MONITOR_QUEUE_EXPIRES)
    if began - ended > dt.timedelta(seconds=conf().MONITOR_QUEUE_EXPIRES):
        return ended, began
    until = began - dt.timedelta(seconds=kept)
    return (ended, until) if until > ended else None
