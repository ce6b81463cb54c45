"""The next run of each schedule, page by page, for whoever shows them."""

import datetime as dt

from django.db.models import Q

from djtaskq.db.plans import by_index
from djtaskq.upcoming import Run
from djtaskq_beat.models import NextRun


def read(behind: tuple[dt.datetime, int] | None, most: int) -> list[Run]:
    """Those that are planned, by the index of `run_at`; one statement."""
    rows = NextRun.objects.filter(run_at__isnull=False, slot__isnull=False, changed_at__isnull=True)
    if behind is not None:
        at, key = behind
        # The first condition is the one that an index understands.
        rows = rows.filter(Q(run_at__gt=at) | Q(pk__gt=key), run_at__gte=at)
    found = rows.order_by("run_at", "pk").values_list(
        "run_at", "pk", "periodic_task__name", "periodic_task__task"
    )
    with by_index(rows.db):
        return [Run(at=at, key=key, name=name, task=task) for at, key, name, task in found[:most] if at]
