"""Questions about the latest runs, answered without reading all of the history.

Keys of runs are given out in order of time, so the newest are a range of the primary key.
"""

import datetime as dt

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from djtaskq_beat.models import TaskRun

MOST_RUNS = 50_000
_DAY = dt.timedelta(days=1)


def latest(runs: QuerySet[TaskRun], most: int = MOST_RUNS) -> QuerySet[TaskRun]:
    """Those among the newest `most` runs of all; one statement more."""
    newest = TaskRun.objects.aggregate(newest=Max("pk"))["newest"] or 0
    return runs.filter(pk__gt=newest - most)


def tasks_with_runs(which: Q) -> QuerySet[TaskRun, int]:
    """The keys of the periodic tasks with such a run in the last 24 hours, among the newest runs."""
    since = timezone.now() - _DAY
    return latest(TaskRun.objects.filter(which, claimed_at__gte=since)).values_list(
        "periodic_task_id", flat=True
    )
