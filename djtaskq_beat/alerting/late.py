"""Runs that were published late: known when they are stamped."""

import datetime as dt
from collections.abc import Sequence

from djtaskq.conf import conf
from djtaskq.db.clock import DatabaseNow
from djtaskq_beat.alerting.raising import raise_late
from djtaskq_beat.models import TaskRun
from djtaskq_beat.store import Run


def maybe_late(runs: Sequence[Run]) -> dict[int, dt.timedelta]:
    """The runs about to be stamped that may turn out late, by key: after how long they count as late.

    Judged by the database's time when they were taken, and by how long publishing may take; no statement.
    """
    default = conf().BEAT_ALERT_LATE
    by_setting = None if default is None else dt.timedelta(seconds=default)
    in_hand = dt.timedelta(seconds=conf().BEAT_PUBLISH_SECONDS)
    found = {}
    for run in runs:
        limit = by_setting if run.late_after is None else run.late_after
        record = run.record
        if limit is not None and record.trigger == TaskRun.Trigger.SCHEDULE:
            taken_at: dt.datetime = getattr(record, "now", record.claimed_at)
            if taken_at + in_hand - _due(record) >= limit:
                found[record.pk] = limit
    return found


def raise_if_late(limits: dict[int, dt.timedelta], using: str) -> None:
    """Raise an alert for each of the runs that is stamped and was as late as that; two statements."""
    published = TaskRun.objects.using(using).filter(pk__in=limits, published_at__isnull=False)
    runs = published.annotate(now=DatabaseNow())
    late = [run for run in runs if run.lateness is not None and run.lateness >= limits[run.pk]]
    raise_late([(run, run.lateness.total_seconds()) for run in late if run.lateness is not None], using)


def _due(record: TaskRun) -> dt.datetime:
    return record.due_at or record.slot
