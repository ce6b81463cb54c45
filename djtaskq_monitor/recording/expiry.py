"""How long rows are kept, and their end.

Four families of settings say the same; the first that is given counts:

    DJTASKQ["MONITOR_EXPIRE_SUCCESS"]   ours
    monitors_expire_success             django-celery-monitor's code, in Celery's configuration
    monitor_task_success_expires        django-celery-monitor's README, in Celery's configuration
    CELERYCAM_EXPIRE_SUCCESS            djcelery's, in Django's settings

and the same for `error` and `pending`. Values are seconds or timedeltas; None keeps the rows.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from celery import Celery, states
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from djtaskq import conf
from djtaskq_monitor.managers import TaskStateQuerySet
from djtaskq_monitor.models import TaskState

_SUCCESS = Q(state=states.SUCCESS)
_ERROR = Q(state__in=sorted(states.EXCEPTION_STATES))
# Whatever is neither, custom states too: nothing stays for ever because nobody thought of its name.
KINDS = {"success": _SUCCESS, "error": _ERROR, "pending": ~(_SUCCESS | _ERROR)}
_MISSING = object()


def expire(app: Celery, *, using: str, most: int) -> int:
    """Delete about `most` rows whose time has come; how many were deleted."""
    deleted = 0
    for rows in _expired(app, using):
        deleted += rows.delete_in_batches(most - deleted)
        if deleted >= most:
            break
    return deleted


def lifetime(app: Celery, kind: str) -> dt.timedelta | None:
    """How long tasks of this kind (`success`, `error`, `pending`) are kept; None for ever."""
    value = _given(app, kind)
    if value is None or isinstance(value, dt.timedelta):
        return value
    return dt.timedelta(seconds=value)


def _expired(app: Celery, using: str) -> Iterator[TaskStateQuerySet]:
    for kind, states_ in KINDS.items():
        age = lifetime(app, kind)
        if age is not None:
            yield TaskState.objects.using(using).filter(states_, tstamp__lt=timezone.now() - age)


def _given(app: Celery, kind: str) -> Any:
    ours = f"MONITOR_EXPIRE_{kind.upper()}"
    if not conf.given(ours):
        for name in (f"monitors_expire_{kind}", f"monitor_task_{kind}_expires"):
            value = _in_celery(app, name)
            if value is not _MISSING:
                return value
        value = getattr(settings, f"CELERYCAM_EXPIRE_{kind.upper()}", _MISSING)
        if value is not _MISSING:
            return value
    return getattr(conf.conf(), ours)


def _in_celery(app: Celery, name: str) -> Any:
    try:
        return getattr(app.conf, name)
    except AttributeError:
        return _MISSING
