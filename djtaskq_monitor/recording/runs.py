"""Which cameras run, as far as their rows and this machine tell."""

import datetime as dt
import os
import socket

from django.utils import timezone

from djtaskq_monitor.models import BEATS_MISSED, CameraState

# Kinds of brokers that tell every camera everything, and keep nothing for one that is not there.
TELLING = frozenset({"redis", "gcpubsub"})


def may_run(run: CameraState) -> bool:
    """Whether a camera may be running that has not stopped: a killed one says nothing either.

    Of one whose process is no more nobody expects a late write.
    """
    if not run.running() or run.last_write is None:
        return False
    silent = timezone.now() - run.last_write
    return silent < dt.timedelta(seconds=BEATS_MISSED * run.freq) or not _is_gone(run)


def _is_gone(run: CameraState) -> bool:
    """Whether its process has ended; where host names are shared, it may be in another one's namespace."""
    if run.host != socket.gethostname():
        return False
    if run.pid == os.getpid():
        return True  # as it is in each new container
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False
