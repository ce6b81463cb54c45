"""The families of celery-exporter, with its names and labels.

https://github.com/danihodovic/celery-exporter

Its label `hostname` is a worker's whole node name here, so that two workers of one host are two. What is
counted of tasks has `hostname="generic"`, as one of its options has it: the boards ask by name and queue. A
task whose queue is not known counts for Celery's default queue.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from djtaskq_monitor.metrics.reading import Counted, Read
from djtaskq_monitor.metrics.text import COUNTER, GAUGE, HISTOGRAM, Family, bounds, labels
from djtaskq_monitor.models import TaskCounter
from djtaskq_monitor.statistics.shown import MICRO, RUNTIME_BOUNDS, WAIT_BOUNDS, Shown
from djtaskq_monitor.statistics.tally import STATES

GENERIC = "generic"
_SAID = {
    "sent": "Tasks that were sent.",
    "received": "Tasks that workers received.",
    "started": "Tasks that were started.",
    "succeeded": "Tasks that succeeded.",
    "rejected": "Tasks that were rejected.",
    "revoked": "Tasks that were revoked.",
    "retried": "Times that tasks were to be tried again.",
}
_FAILED = STATES.index("failed")


def families(read: Read, default_queue: str) -> Iterator[Family]:
    by_queue = _merged(read.of(TaskCounter.QUEUE), default_queue)
    yield from _tasks(by_queue)
    yield _failed(by_queue, _merged(read.of(TaskCounter.EXCEPTION), default_queue))
    yield from _durations(by_queue)
    yield from _workers(read)
    yield from _queues(read)


# By task name, queue and exception.
Merged = dict[tuple[str, str, str], Shown]


def _merged(counters: Iterable[Counted], default_queue: str) -> Merged:
    found: Merged = {}
    for each in counters:
        found.setdefault((each.name, each.label or default_queue, each.exception), Shown()).add(each.told)
    return found


def _labels(name: str, queue: str) -> str:
    return labels(name=name, hostname=GENERIC, queue_name=queue)


def _tasks(by_queue: Merged) -> Iterator[Family]:
    labelled = {key: _labels(*key[:2]) for key in by_queue}
    for state, said in _SAID.items():
        family, place = Family(f"celery_task_{state}_total", COUNTER, said), STATES.index(state)
        for key, told in by_queue.items():
            family.add(labelled[key], told.states[place])
        yield family


def _failed(by_queue: Merged, by_exception: Merged) -> Family:
    """Each name has a sample from the start, so that a share of failures is 0 and not unknown."""
    family = Family("celery_task_failed_total", COUNTER, "Tasks that failed, by the class of the exception.")
    for name, queue, _exception in by_queue:
        family.add(f'{_labels(name, queue)},exception=""', 0)
    for (name, queue, exception), told in by_exception.items():
        family.add(f"{_labels(name, queue)},{labels(exception=exception)}", told.states[_FAILED])
    return family


def _durations(by_queue: Merged) -> Iterable[Family]:
    runtimes = Family("celery_task_runtime", HISTOGRAM, "How many seconds tasks that succeeded ran.")
    waits = Family(
        "celery_task_queue_wait_time",
        HISTOGRAM,
        "How many seconds tasks waited in a queue, or since their ETA.",
    )
    of_runtimes, of_waits = bounds(RUNTIME_BOUNDS), bounds(WAIT_BOUNDS)
    for (name, queue, _exception), told in by_queue.items():
        labelled = _labels(name, queue)
        if told.runtimes[-1]:
            runtimes.add_histogram(labelled, of_runtimes, told.runtimes, told.runtime / MICRO)
        if told.waits[-1]:
            waits.add_histogram(labelled, of_waits, told.waits, told.wait / MICRO)
    return runtimes, waits


def _workers(read: Read) -> Iterable[Family]:
    up = Family("celery_worker_up", GAUGE, "Whether a worker is online.")
    active = Family("celery_worker_tasks_active", GAUGE, "Tasks that a worker says it executes.")
    for worker in read.workers:
        labelled, online = labels(hostname=worker.hostname), read.online[worker.hostname]
        up.add(labelled, int(online))
        active.add(labelled, (worker.active or 0) if online else 0)
    return up, active


def _queues(read: Read) -> Iterable[Family]:
    length = Family("celery_queue_length", GAUGE, "Messages that wait in a queue.")
    consumers = Family("celery_active_consumer_count", GAUGE, "Consumers of a queue, as the broker says.")
    workers = Family("celery_active_worker_count", GAUGE, "Workers that are online and take from a queue.")
    takers = Counter(
        name for worker in read.workers if read.online[worker.hostname] for name in worker.queue_names
    )
    for queue in read.queues:
        labelled = labels(queue_name=queue.name)
        if queue.length is not None:
            length.add(labelled, queue.length)
        if queue.consumers is not None:
            consumers.add(labelled, queue.consumers)
        workers.add(labelled, takers[queue.name])
    return length, consumers, workers
