"""Events taken as they arrive, merged into what is to be written next.

The lock is held for a merge of dictionaries and for a swap, never for a write.
"""

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice

from djtaskq_monitor.recording import events, merge
from djtaskq_monitor.recording.events import Change, Reading, Rejected
from djtaskq_monitor.recording.room import Room

Rows = dict[str, Change]


@dataclasses.dataclass(slots=True)
class Pending:
    """Changes that are not yet in the database, by task id and by the worker's name; the oldest first."""

    tasks: Rows = dataclasses.field(default_factory=dict)
    workers: Rows = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tasks) + len(self.workers)


class Recorder:
    """Takes events from any thread; holds about `limit` tasks and `limit` workers that are not yet written.

    `received` counts what came, and `rejected` what could not be used, by reason. `dropped` counts what was
    forgotten, or not taken, for lack of room: see `room`.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self.clock = clock
        self.received = 0
        self.dropped = 0
        self.rejected: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._pending = Pending()
        self._room = Room(limit)
        # What was taken by `swap` and is still held by whoever writes it.
        self._tasks_out = self._workers_out = 0

    def take(self, event: object) -> None:
        """Record one event; never raises, whatever it is."""
        reading = events.read(event, self.clock())
        with self._lock:
            self.received += 1
            if isinstance(reading, Rejected):
                self.rejected[reading.reason] += 1
            else:
                self._record(reading)

    def record(self, reading: Reading) -> None:
        """Take what was read elsewhere than from an event."""
        with self._lock:
            self._record(reading)

    def reject(self, reason: str) -> None:
        """Count a message that holds no event at all."""
        with self._lock:
            self.received += 1
            self.rejected[reason] += 1

    def swap(self, most: int | None = None) -> Pending:
        """What is to be written: all workers, and at most the `most` oldest tasks.

        It counts as held until it comes to `put_back`, whole, in part or empty.
        """
        with self._lock:
            taken = self._pending
            if most is None or len(taken.tasks) <= most:
                self._pending = Pending()
                self._room.changed()
            else:
                oldest = list(islice(taken.tasks, most))
                taken = Pending({key: taken.tasks.pop(key) for key in oldest}, taken.workers)
                self._pending.workers = {}
            self._tasks_out, self._workers_out = len(taken.tasks), len(taken.workers)
        return taken

    def put_back(self, unwritten: Pending) -> None:
        """Keep what could not be written, merged with what came in the meantime."""
        with self._lock:
            self._tasks_out = self._workers_out = 0
            if not unwritten:
                return
            for rules, kept, pending in (
                (merge.TASK, unwritten.tasks, self._pending.tasks),
                (merge.WORKER, unwritten.workers, self._pending.workers),
            ):
                for key, change in pending.items():
                    if key in kept:
                        rules.merge(kept[key], change)
                    else:
                        kept[key] = change
            self._pending = unwritten
            self._room.changed()

    @property
    def waiting(self) -> int:
        """How many tasks and workers are not yet written, without those that are just being written."""
        return len(self._pending)

    @property
    def tasks_waiting(self) -> int:
        return len(self._pending.tasks)

    @property
    def room(self) -> int:
        """How many further tasks cost no other one anything."""
        return self.limit - len(self._pending.tasks) - self._tasks_out

    def _record(self, reading: Reading) -> None:
        pending = self._pending
        if reading.task is not None:
            known = pending.tasks.get(reading.task[merge.TASK.key])
            if known is not None:
                merge.TASK.merge(known, reading.task)
            else:
                self.dropped += self._room.add(pending.tasks, reading.task, out=self._tasks_out)
        if reading.worker is not None:
            self._record_worker(pending.workers, reading.worker)

    def _record_worker(self, workers: Rows, change: Change) -> None:
        known = workers.get(change[merge.WORKER.key])
        if known is not None:
            merge.WORKER.merge(known, change)
        elif len(workers) + self._workers_out < self.limit:
            workers[change[merge.WORKER.key]] = change
        else:
            self.dropped += 1
