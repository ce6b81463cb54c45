"""How long rows are kept, and their end.

Four families of settings say how long tasks are kept; the first that is given counts:

    DJTASKQ["MONITOR_EXPIRE_SUCCESS"]   ours
    monitors_expire_success             django-celery-monitor's code, in Celery's configuration
    monitor_task_success_expires        django-celery-monitor's README, in Celery's configuration
    CELERYCAM_EXPIRE_SUCCESS            djcelery's, in Django's settings

and the same for `error` and `pending`. Values are seconds or timedeltas; None keeps the rows. Workers and
statistics have settings of ours alone.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from celery import Celery, states
from django.conf import settings
from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from djtaskq import conf
from djtaskq_monitor.managers import DELETED_AT_ONCE
from djtaskq_monitor.models import Series, TaskState, TaskStatistics, WorkerState
from djtaskq_monitor.recording.order import ENDED_STATES
from djtaskq_monitor.statistics import counters

# By `outcome`, which has an index; a task without one has not ended.
_RUNNING = Q(outcome=None)
_RETRY = Q(state=states.RETRY)
_ERRORS = (states.FAILURE, states.REVOKED)
# Whatever is neither, custom states too: nothing stays for ever because nobody thought of its name.
KINDS: dict[str, tuple[Q, ...]] = {
    "success": (Q(outcome=states.SUCCESS),),
    "error": (*(Q(outcome=state) for state in _ERRORS), _RUNNING & _RETRY),
    "pending": (
        *(Q(outcome=state) for state in sorted(ENDED_STATES - {states.SUCCESS, *_ERRORS})),
        _RUNNING & ~_RETRY,
    ),
}
STATISTICS = {
    TaskStatistics.MINUTE: "MONITOR_STATISTICS_MINUTES",
    TaskStatistics.HOUR: "MONITOR_STATISTICS_HOURS",
    TaskStatistics.DAY: "MONITOR_STATISTICS_DAYS",
}
_MISSING = object()


def expire(app: Celery, *, using: str, most: int) -> int:
    """Delete about `most` rows whose time has come; how many were deleted."""
    deleted = 0
    for rows, order in _expired(app, using):
        deleted += _delete(rows, order, most - deleted)
        if deleted >= most:
            break
    return deleted


def lifetime(app: Celery, kind: str) -> dt.timedelta | None:
    """How long tasks of this kind (`success`, `error`, `pending`) are kept; None for ever."""
    value = _given(app, kind)
    if value is None or isinstance(value, dt.timedelta):
        return value
    return dt.timedelta(seconds=value)


def kind(state: str) -> str:
    """Which kind a task in this state is of."""
    if state == states.SUCCESS:
        return "success"
    return "error" if state in {*_ERRORS, states.RETRY} else "pending"


def _expired(app: Celery, using: str) -> Iterator[tuple[QuerySet[Any], str]]:
    """Rows whose time has come, by an index in whose order they are to be deleted."""
    now = timezone.now()
    for name, conditions in KINDS.items():
        age = lifetime(app, name)
        if age is None:
            continue
        for condition in conditions:
            # A task's last event is no earlier than its first, which has the index.
            old = Q(first_seen__lt=now - age, tstamp__lt=now - age)
            yield TaskState.objects.using(using).filter(condition, old), "first_seen"
    keep = conf.conf().MONITOR_WORKER_EXPIRE
    if keep is not None:
        before = now - dt.timedelta(seconds=keep)
        gone = Q(last_heartbeat__lt=before) | Q(last_heartbeat=None, first_seen__lt=before)
        yield WorkerState.objects.using(using).filter(gone), "pk"
    yield from _old_statistics(now, using)


def _old_statistics(now: dt.datetime, using: str) -> Iterator[tuple[QuerySet[Any], str]]:
    sums = TaskStatistics.objects.using(using)
    for resolution, setting in STATISTICS.items():
        keep: float | None = getattr(conf.conf(), setting)
        if keep is not None:
            before = now - dt.timedelta(seconds=keep + resolution)
            yield sums.filter(resolution=resolution, at__lt=before), "at"
    unused = ~Exists(sums.filter(series=OuterRef("pk")))
    yield Series.objects.using(using).filter(unused), "pk"
    yield counters.gone(now, using), "pk"


def _delete(rows: QuerySet[Any], order: str, most: int) -> int:
    """Delete about `most` rows, in transactions so small that nobody waits for one."""
    deleted = 0
    while deleted < most:
        ids = list(rows.order_by(order).values_list("pk", flat=True)[:DELETED_AT_ONCE])
        try:
            # Asked once more: a task may have gone on since.
            deleted += rows.filter(pk__in=ids).order_by().delete()[0] if ids else 0
        except IntegrityError:
            break  # one of them is in use again: the next time
        if len(ids) < DELETED_AT_ONCE:
            break
    return deleted


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
