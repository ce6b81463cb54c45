"""Taking old runs away, a few at a time, at a cost that does not grow with how many there are.

Keys of runs grow with time. What is too old is therefore at the beginning of the table; and a schedule that
has too many is found by drawing lots among the new ones, in which it has a share as large as it is busy.
"""

import datetime as dt
import random
import time
from collections.abc import Callable, Iterator, Sequence

from django.db.models import Max, Min, QuerySet

from djtaskq.conf import conf
from djtaskq.db.claims import claim, writing
from djtaskq.db.clock import DatabaseNow
from djtaskq_beat.models import TaskRun

SECONDS = 60.0
BATCH = 500
# Of each minute a beat spends no more than this on either; the next round goes on where it stopped.
_ROUND_SECONDS = 3.0
# So many lots are drawn at once.
_LOTS = 500


def finished(using: str) -> QuerySet[TaskRun]:
    """The runs that nobody waits for: neither to be published nor to be followed."""
    return TaskRun.objects.using(using).filter(retry_at=None, follow_at=None)


def delete(pks: Sequence[int], using: str) -> int:
    """Delete these runs, with their alerts, as far as nobody waits for them; returns how many went."""
    with writing(using):
        rows = finished(using).filter(pk__in=pks).order_by("pk")
        taken = claim(rows.values_list("pk", flat=True), len(pks))
        TaskRun.objects.using(using).filter(pk__in=taken).delete()
    return len(taken)


class ByAge:
    """Deletes the runs that were claimed before `seconds` ago, from the beginning of the table."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._after = 0
        self.deleted = 0

    def step(self, seconds: float | None) -> bool:
        """Look at one batch; returns whether there is another. One statement where nothing is too old."""
        if seconds is None:
            return False
        rows = TaskRun.objects.using(self._using).filter(pk__gt=self._after).order_by("pk")
        looked_at = list(rows.annotate(now=DatabaseNow()).values_list("pk", "claimed_at", "now")[:BATCH])
        old = [pk for pk, claimed_at, now in looked_at if claimed_at < now - dt.timedelta(seconds=seconds)]
        if old:
            self.deleted += delete(old, self._using)
        if len(old) < BATCH:
            self._after = 0
            return False
        # What somebody waits for stays behind, and is not looked at again in this round.
        self._after = old[-1]
        return True


class ByNumber:
    """Deletes the runs of a schedule beyond the latest `keep`."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._drawn_through = 0
        self._suspects: set[int] = set()
        self.deleted = 0

    def step(self, keep: int | None) -> bool:
        """Look at one schedule; returns whether there is more. One statement where nothing has run lately."""
        if keep is None:
            return False
        if not self._suspects:
            return self._draw(keep)
        suspect = self._suspects.pop()
        if self.prune(suspect, keep) == BATCH:
            self._suspects.add(suspect)
        return True

    def prune(self, periodic_task: int, keep: int) -> int:
        """Delete up to a batch of one schedule's runs, the oldest; returns how many."""
        runs = TaskRun.objects.using(self._using).filter(periodic_task=periodic_task)
        beyond = runs.order_by("-slot").values_list("slot", flat=True)[keep : keep + 1].first()
        if beyond is None:
            return 0
        oldest = finished(self._using).filter(periodic_task=periodic_task, slot__lte=beyond).order_by("slot")
        deleted = delete(list(oldest.values_list("pk", flat=True)[:BATCH]), self._using)
        self.deleted += deleted
        return deleted

    def _draw(self, keep: int) -> bool:
        """Draw the schedules to look at: that of one in so many new runs; False if there are too few."""
        keys = TaskRun.objects.using(self._using).aggregate(oldest=Min("pk"), newest=Max("pk"))
        if keys["newest"] is None:
            return False
        through = max(self._drawn_through, keys["oldest"] - 1)
        # A schedule has a few more runs than it may before it is likely to be drawn.
        share = max(1, keep // 10)
        starts = range(through, keys["newest"] - share + 1, share)[:_LOTS]
        if not starts:
            return False
        lots = [start + random.randint(1, share) for start in starts]  # noqa: S311  spreads work
        self._drawn_through = starts[-1] + share
        drawn = TaskRun.objects.using(self._using).filter(pk__in=lots)
        self._suspects.update(drawn.values_list("periodic_task", flat=True))
        return True


class Rounds:
    """Steps in a beat's chores: one after the other until there is no more, or the round's time is spent."""

    def __init__(self, step: Callable[[], bool]) -> None:
        self._step = step
        self._spent = 0.0

    def work(self) -> bool:
        started = time.monotonic()
        more = self._step()
        self._spent += time.monotonic() - started
        if more and self._spent < _ROUND_SECONDS:
            return True
        self._spent = 0.0
        return False


def rounds(using: str) -> list[Rounds]:
    """What a beat does each minute, as the settings say at the time."""
    by_age, by_number = ByAge(using), ByNumber(using)
    return [
        Rounds(lambda: by_age.step(conf().BEAT_RUNS_EXPIRE)),
        Rounds(lambda: by_number.step(conf().BEAT_RUNS_KEEP)),
    ]


def schedules_with_runs(using: str) -> Iterator[int]:
    """The keys of all periodic tasks that have runs, those that were deleted too; a statement for each."""
    after = -1
    while True:
        rows = TaskRun.objects.using(using).filter(periodic_task__gt=after)
        found = rows.order_by("periodic_task", "slot").values_list("periodic_task", flat=True).first()
        if found is None:
            return
        after = found
        yield found
