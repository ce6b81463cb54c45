"""djtaskq's beats: from the start of the process on, over a burst, and after an edit."""

import datetime as dt
import time

from django.db.models import Min
from django_celery_beat.models import ClockedSchedule, PeriodicTask

from benchmarks.scale import fill
from benchmarks.scale.figures import Figures, percentiles
from benchmarks.scale.place import Place, Queue, empty_queue, memory, say, wait
from djtaskq.db.clock import now
from djtaskq_beat.heartbeat import alive
from djtaskq_beat.models import TaskRun
from tests.processes import Process

EDITS = 5
# What is overdue when a beat starts: enough to be work, few enough to be gone before the burst.
_OVERDUE = 100
_AGO = dt.timedelta(seconds=5)
_PATIENCE = 300


def measure(place: Place, due: int, count: int, *, edits: list[float] | None = None) -> Figures:
    """`count` beats side by side; the seconds of each edit go into `edits`, if that is asked for.

    By the stamps in the history of runs, which are the database's: those of a batch are set once it is out.
    """
    fill.forget_runs(place.alias)
    with empty_queue() as queue:
        fill.fall_due(min(due, _OVERDUE), now(place.alias) - _AGO)
        started = now(place.alias)
        beats = place.start("djtaskq", count)
        start = _first(beats) - started
        wait(beats, lambda: alive(place.alias).count() >= count and not _behind(), _PATIENCE)
        late = _burst(place, beats, due)
        _check(queue, beats, min(due, _OVERDUE) + due)
        if edits is not None:
            edits += [_edit(place, beats, number) for number in range(EDITS)]
        peak = memory(beats)
        for beat in beats:
            beat.signal(15)
        for beat in beats:
            beat.wait()
    return Figures(
        contender=f"djtaskq, {count} beat{'s' if count > 1 else ''}",
        start=start.total_seconds(),
        sent=due,
        rate=due / max(late),
        late=percentiles(late),
        memory=peak,
    )


def _first(beats: list[Process]) -> dt.datetime:
    def published():
        return TaskRun.objects.aggregate(first=Min("published_at"))["first"]

    return wait(beats, published, _PATIENCE)


def _behind() -> bool:
    return TaskRun.objects.filter(state=TaskRun.State.CLAIMED).exists()


def _burst(place: Place, beats: list[Process], due: int) -> list[float]:
    """Have `due` schedules fall due in one second to come; how late each went out, in seconds."""
    lead = dt.timedelta(seconds=2 + due / 2_000)
    at = (now(place.alias) + lead).replace(microsecond=0)
    fill.fall_due(due, at)
    if now(place.alias) > at:
        say(f"this machine needs more than {lead} to have {due:,} schedules fall due: they were late")
    runs = TaskRun.objects.filter(slot=at, state=TaskRun.State.PUBLISHED)
    time.sleep(max((at - now(place.alias)).total_seconds(), 0))
    wait(beats, lambda: runs.count() == due, _PATIENCE)
    return [(stamp - at).total_seconds() for stamp in runs.values_list("published_at", flat=True)]


def _check(queue: Queue, beats: list[Process], count: int) -> None:
    """A rate is worth nothing if the broker lacks messages, or others went out beside them."""
    if TaskRun.objects.count() != count:
        raise AssertionError(f"{TaskRun.objects.count():,} runs of {count:,} that were due")
    wait(beats, lambda: queue.length() >= count, 10)


def _edit(place: Place, beats: list[Process], number: int) -> float:
    """Give one schedule a time that is now, as its admin page does; after how many seconds it is out."""
    task = PeriodicTask.objects.order_by("-pk")[number]
    edited = now(place.alias)
    task.interval = task.crontab = None
    task.clocked = ClockedSchedule.objects.create(clocked_time=edited)
    task.one_off = True
    task.save()
    runs = TaskRun.objects.filter(periodic_task=task.pk, claimed_at__gte=edited)
    published = wait(beats, lambda: runs.aggregate(first=Min("published_at"))["first"], _PATIENCE)
    return (published - edited).total_seconds()
