"""django-celery-beat's own scheduler and RedBeat over as many schedules; each within a bound of time."""

import datetime as dt
import time
from importlib import metadata

from benchmarks.scale import fill
from benchmarks.scale.figures import Figures, percentiles
from benchmarks.scale.place import Place, Queue, empty_queue, memory, wait
from benchmarks.scale.redbeat import Schedules
from tests.processes import Process
from tests.waiting import NotInTimeError

_START_SECONDS = 120
_SECONDS = 60
_EVERY = 0.05
_OVERDUE = 100


def django_celery_beat(place: Place, due: int) -> Figures:
    """`due` schedules overdue at its start; it is timed from its first message on."""
    name = f"django-celery-beat {metadata.version('django-celery-beat')}"
    fill.overdue_to_peers(place.alias, due)
    with empty_queue() as queue:
        started = time.monotonic()
        beats = place.start("django_celery_beat.schedulers:DatabaseScheduler", 1)
        try:
            first = _first(queue, beats)
        except NotInTimeError:
            return Figures(contender=name, note=f"not within {_START_SECONDS}", memory=memory(beats))
        else:
            seen = [first, *_samples(queue, due)]
            (begin, before), (end, after) = seen[0], seen[-1]
            return Figures(
                contender=name,
                start=first[0] - started,
                sent=after,
                rate=(after - before) / (end - begin),
                memory=memory(beats),
            )
        finally:
            beats[0].kill()


def redbeat(place: Place, size: int, due: int) -> Figures:
    """`due` schedules fall due in one second, as for djtaskq; all are intervals."""
    schedules = Schedules(size)
    schedules.fall_due(min(due, _OVERDUE), _now())
    with empty_queue() as queue:
        started = time.monotonic()
        # It asks Redis only this often.
        beats = place.start("redbeat.RedBeatScheduler", 1, "--max-interval=1")
        try:
            start = _first(queue, beats)[0] - started
            wait(beats, lambda: queue.length() >= min(due, _OVERDUE), _SECONDS)
            queue.empty()
            at = (_now() + dt.timedelta(seconds=2 + due / 2_000)).replace(microsecond=0)
            schedules.fall_due(due, at)
            time.sleep(max((at - _now()).total_seconds(), 0))
            slot = time.monotonic() - (_now() - at).total_seconds()
            seen = _samples(queue, due)
            late = [_late(seen, due * hundredth // 100) - slot for hundredth in range(1, 101)]
            return Figures(
                contender=f"RedBeat {metadata.version('celery-redbeat')}",
                start=start,
                sent=seen[-1][1],
                rate=seen[-1][1] / (seen[-1][0] - slot),
                late=percentiles(late),
                memory=memory(beats),
            )
        finally:
            beats[0].kill()


def _first(queue: Queue, beats: list[Process]) -> tuple[float, int]:
    """When there was a message, and how many there were."""
    wait(beats, queue.length, _START_SECONDS, every=_EVERY)
    return time.monotonic(), queue.length()


def _samples(queue: Queue, due: int) -> list[tuple[float, int]]:
    """How many messages there are, again and again, until there are `due` or the time is spent."""
    seen = [(time.monotonic(), queue.length())]
    until = time.monotonic() + _SECONDS
    while seen[-1][1] < due and time.monotonic() < until:
        time.sleep(_EVERY)
        seen.append((time.monotonic(), queue.length()))
    return seen


def _late(seen: list[tuple[float, int]], count: int) -> float:
    """When there were `count` messages; of those that are not there yet, the end of looking."""
    return next((at for at, length in seen if length >= count), seen[-1][0])


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
