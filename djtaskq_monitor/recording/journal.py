"""What a camera tells about itself, so that pages can say whether one runs and what it had to drop."""

import datetime as dt
import os

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from djtaskq_monitor.models import CameraState
from djtaskq_monitor.recording.recorder import Recorder

KEPT = dt.timedelta(days=7)


class Journal:
    """The row of one run of a camera."""

    def __init__(self, recorder: Recorder, *, host: str, queue: str, freq: float) -> None:
        self.recorder = recorder
        self.set_aside = 0
        self.row = CameraState(host=host, pid=os.getpid(), queue=queue, freq=freq, started=timezone.now())

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
        row.pending = self.recorder.waiting
        try:
            row.save(using=using, force_insert=row.pk is None)
        except (DatabaseError, InterfaceError):
            return False  # the camera has said so already: its rows go the same way
        return True

    def forget_old_runs(self, *, using: str) -> None:
        CameraState.objects.using(using).filter(last_write__lt=timezone.now() - KEPT).delete()
