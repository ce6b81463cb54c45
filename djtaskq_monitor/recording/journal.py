"""What a camera tells about itself, so that pages can say whether one runs and what it had to drop."""

import datetime as dt
import logging
import os

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from djtaskq.db.text import storable
from djtaskq_monitor.models import CameraState
from djtaskq_monitor.recording.recorder import Recorder

logger = logging.getLogger(__name__)

KEPT = dt.timedelta(days=7)
_ERROR_LENGTH = 1_000


class Journal:
    """The row of one run of a camera; what was missed, and when nobody was there, others find out."""

    def __init__(self, recorder: Recorder, *, host: str, queue: str, freq: float) -> None:
        self.recorder = recorder
        self.set_aside = 0
        self.written = 0
        self.row = CameraState(host=host, pid=os.getpid(), queue=queue, freq=freq, started=timezone.now())

    def failed(self, error: str) -> None:
        """A write, or a row of it, was refused."""
        self.row.last_error = storable(error, _ERROR_LENGTH)
        self.row.last_error_at = timezone.now()

    def was_away(self, since: dt.datetime, until: dt.datetime) -> None:
        """Nobody took events in between, and the broker did not keep them."""
        self.row.away_from, self.row.away_until = since, until
        logger.warning("No camera was here from %s to %s: events of that time are lost", since, until)

    def write(self, *, using: str, stopped: bool = False) -> bool:
        """Write the figures as they are; whether the database took them."""
        now = timezone.now()
        row = self.row
        row.last_write = now
        row.stopped = now if stopped else None
        row.received = self.recorder.received
        row.rejected = self.recorder.rejected.total()
        row.dropped = self.recorder.dropped
        row.set_aside = self.set_aside
        row.written = self.written
        row.pending = self.recorder.waiting
        try:
            row.save(using=using, force_insert=row.pk is None)
        except (DatabaseError, InterfaceError):
            return False  # the camera has said so already: its rows go the same way
        return True

    def forget_old_runs(self, *, using: str) -> None:
        CameraState.objects.using(using).filter(last_write__lt=timezone.now() - KEPT).delete()
