"""What of tasks cannot be seen, why, and what to do about it: for people who look at the list of tasks."""

import datetime as dt
from collections.abc import Iterable, Iterator

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _

from djtaskq_monitor.checks import check_events
from djtaskq_monitor.models import CameraState

# How long a time without a camera is worth a remark.
_REMEMBERED = dt.timedelta(days=1)


def remarks(cameras: Iterable[CameraState]) -> list[str]:
    """Of the cameras that run, and of this process's Celery settings."""
    found = [remark for camera in cameras for remark in _of_a_camera(camera)]
    return [*found, *(f"{message.msg} {message.hint}" for message in check_events(None))]


def _of_a_camera(camera: CameraState) -> Iterator[str]:
    if camera.missed:
        yield _(
            "Workers started %(count)s tasks of which no event came to the camera on %(host)s. Start workers"
            " with -E, or set CELERY_WORKER_SEND_TASK_EVENTS = True; and keep a camera running."
        ) % {"count": localize(camera.missed), "host": camera.host}
    if camera.away_from and camera.away_until and camera.away_until > timezone.now() - _REMEMBERED:
        yield _("No camera took events from %(since)s to %(until)s: tasks of that time may be missing.") % {
            "since": localize(timezone.localtime(camera.away_from)),
            "until": localize(timezone.localtime(camera.away_until)),
        }
    if camera.dropped:
        yield _(
            "%(count)s tasks lost details, or were dropped, by the camera on %(host)s: the database did not"
            ' take them in time. DJTASKQ["MONITOR_MAX_PENDING"] says how many the camera holds.'
        ) % {"count": localize(camera.dropped), "host": camera.host}
