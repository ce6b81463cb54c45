"""Events taken as they arrive, merged into what is to be written next.

The lock is held for a merge of dictionaries and for a swap, never for a write.
"""

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable

from djtaskq_monitor.recording import events, merge
from djtaskq_monitor.recording.events import Change, Reading, Rejected

Rows = dict[str, Change]


@dataclasses.dataclass(slots=True)
class Pending:
    """Changes that are not yet in the database, by task id and by the worker's name."""

    tasks: Rows = dataclasses.field(default_factory=dict)
    workers: Rows = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tasks) + len(self.workers)


class Recorder:
    """Takes events from any thread; holds at most `limit` tasks and `limit` workers that are not yet written.

    `received` counts what came, `rejected` what could not be used, by reason, and `dropped` what came
    for a further task or worker when the limit was reached.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self.clock = clock
        self.received = 0
        self.dropped = 0
        self.rejected: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._pending = Pending()

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

    def swap(self) -> Pending:
        """What is to be written; from now on the recorder collects anew."""
        with self._lock:
            taken, self._pending = self._pending, Pending()
        return taken

    def put_back(self, unwritten: Pending) -> None:
        """Keep what could not be written, merged with what came in the meantime.

        The limit bounds what arrives, not what was taken already: that is held in full.
        """
        with self._lock:
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

    @property
    def waiting(self) -> int:
        """How many tasks and workers are not yet written."""
        return len(self._pending)

    def _record(self, reading: Reading) -> None:
        if reading.task is not None:
            self._merge(self._pending.tasks, reading.task, merge.TASK)
        if reading.worker is not None:
            self._merge(self._pending.workers, reading.worker, merge.WORKER)

    def _merge(self, rows: Rows, change: Change, rules: merge.Rules) -> None:
        key = change[rules.key]
        known = rows.get(key)
        if known is not None:
            rules.merge(known, change)
        elif len(rows) < self.limit:
            rows[key] = change
        else:
            self.dropped += 1
