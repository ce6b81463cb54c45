"""The families of Flower, with its names and labels.

https://flower.readthedocs.io/en/latest/prometheus-integration.html
"""

from collections import Counter
from collections.abc import Iterable

from djtaskq_monitor.metrics.reading import Counted, Read
from djtaskq_monitor.metrics.text import COUNTER, GAUGE, HISTOGRAM, Family, bounds, labels
from djtaskq_monitor.models import TaskCounter
from djtaskq_monitor.statistics.shown import MICRO, RUNTIME_BOUNDS
from djtaskq_monitor.statistics.tally import STATES

# Celery has no event for tasks that were cancelled before they started.
_TYPES = [(place, f"task-{state}") for place, state in enumerate(STATES) if state != "cancelled"]
_BOUNDS = bounds(RUNTIME_BOUNDS)


def families(read: Read) -> Iterable[Family]:
    yield from _counted(read.of(TaskCounter.WORKER))
    yield from _held(read)
    yield from _workers(read)


def _counted(counters: Iterable[Counted]) -> Iterable[Family]:
    events = Family("flower_events_total", COUNTER, "Events of tasks, each counted once, by type.")
    runtimes = Family("flower_task_runtime_seconds", HISTOGRAM, "How long tasks that succeeded ran.")
    for each in counters:
        labelled = labels(worker=each.label, task=each.name)
        # Clients send, and they are no workers; zeros let a first failure be seen as one.
        for place, kind in _TYPES:
            if (place == 0) == (not each.label) or each.told.states[place]:
                events.add(f'{labelled},type="{kind}"', each.told.states[place])
        if each.told.runtimes[-1]:
            runtimes.add_histogram(labelled, _BOUNDS, each.told.runtimes, each.told.runtime / MICRO)
    return events, runtimes


def _held(read: Read) -> Iterable[Family]:
    """Gauges of the tasks at hand; 0 for what a worker has run and holds none of."""
    prefetched = Family("flower_worker_prefetched_tasks", GAUGE, "Tasks that a worker holds, not begun.")
    times = Family(
        "flower_task_prefetch_time_seconds",
        GAUGE,
        "How long the latest running task of a name waited in its worker; 0 if none runs.",
    )
    waiting = Counter((held.worker, held.name) for held in read.held if held.prefetched is None)
    # The newest come first, and the first is what a gauge says.
    latest: dict[tuple[str, str], float] = {}
    for held in read.held:
        if held.prefetched is not None:
            latest.setdefault((held.worker, held.name), held.prefetched)
    counted = {(each.label, each.name) for each in read.of(TaskCounter.WORKER) if each.label}
    for worker, name in sorted(counted | waiting.keys() | latest.keys()):
        if read.online.get(worker):
            labelled = labels(worker=worker, task=name)
            prefetched.add(labelled, waiting[worker, name])
            times.add(labelled, latest.get((worker, name), 0))
    return prefetched, times


def _workers(read: Read) -> Iterable[Family]:
    online = Family("flower_worker_online", GAUGE, "Whether a worker is online.")
    running = Family(
        "flower_worker_number_of_currently_executing_tasks", GAUGE, "Tasks that a worker says it executes."
    )
    for worker in read.workers:
        labelled = labels(worker=worker.hostname)
        online.add(labelled, int(read.online[worker.hostname]))
        running.add(labelled, (worker.active or 0) if read.online[worker.hostname] else 0)
    return online, running
