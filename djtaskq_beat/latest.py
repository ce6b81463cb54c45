"""Noting the latest run of each schedule, beside what beat does for it.

A list that is sorted by how the last run ended needs that run of every schedule. To find it in the history
takes a look for each; to note it with each claim would be paid for by every run. So a chore reads each new
run once, in the order of their keys, soon after it was claimed.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db.models import Max, Q
from django_celery_beat.models import PeriodicTask

from djtaskq.db.claims import claim, writing
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_beat.models import LatestRun, TaskRun
from djtaskq_beat.querysets import from_now

SECONDS = 2.0
BATCH = 1_000
# Keys are drawn before a transaction commits: a run whose key is higher may be seen before one that is lower.
_SETTLED_SECONDS = 5
# A beat that starts looks again at as many as its predecessor may have passed over.
_SLACK = 10_000
_LATER = Upsert(
    LatestRun,
    key=["periodic_task"],
    assign={"run": Incoming("run"), "slot": Incoming("slot")},
    guard=Q(slot__lt=Incoming("slot")),
)


class LatestRuns:
    """Notes the latest runs for one beat; its memory is how far it has read.

    Beats may do the same side by side: only a later slot takes the place of another.
    """

    def __init__(self, using: str) -> None:
        self._using = using
        self._after: int | None = None

    def work(self) -> bool:
        """Read one batch of new runs; returns whether there may be more.

        One statement over a range of the primary key where there is none; else three more.
        """
        if self._after is None:
            noted = LatestRun.objects.using(self._using).aggregate(newest=Max("run"))["newest"]
            self._after = max((noted or 0) - _SLACK, 0)
        runs = self._new_runs(self._after)
        if runs and not note(_latest(runs), self._using):
            return False
        if runs:
            self._after = runs[-1][0]
        return len(runs) == BATCH

    def _new_runs(self, after: int) -> list[tuple[int, int, dt.datetime]]:
        """Key, periodic task and slot of each, in the order of their keys."""
        settled = TaskRun.objects.using(self._using).filter(
            pk__gt=after, claimed_at__lt=from_now(-_SETTLED_SECONDS)
        )
        return list(settled.order_by("pk").values_list("pk", "periodic_task_id", "slot")[:BATCH])


def _latest(runs: Iterable[tuple[int, int, dt.datetime]]) -> dict[int, tuple[dt.datetime, int]]:
    """Of each periodic task the latest slot among these runs, and its run's key."""
    found: dict[int, tuple[dt.datetime, int]] = {}
    for pk, task, slot in runs:
        if task not in found or found[task][0] < slot:
            found[task] = slot, pk
    return found


def note(runs: Mapping[int, tuple[dt.datetime, int]], using: str) -> bool:
    """Note for each periodic task the slot and key of a run, unless a later one is noted.

    Returns False if somebody else holds a row: then it is to be done again.
    """
    with writing(using):
        noted = LatestRun.objects.using(using).filter(pk__in=runs).order_by("pk")
        # To wait for a row while holding others could be a deadlock with who deletes a thousand tasks.
        held = set(claim(noted.values_list("pk", flat=True), len(runs)))
        # Tasks that were deleted have runs still, and are not to have a row again.
        tasks = PeriodicTask._default_manager.using(using).filter(pk__in=runs)
        known: dict[int, dt.datetime | None] = dict(tasks.values_list("pk", "latest_run__slot"))
        free = [pk for pk, slot in known.items() if slot is None or pk in held]
        rows = [LatestRun(periodic_task_id=pk, slot=runs[pk][0], run_id=runs[pk][1]) for pk in free]
        _LATER.write(rows, using=using)
    return len(free) == len(known)
