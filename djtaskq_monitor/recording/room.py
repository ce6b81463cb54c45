"""What makes room for a further task where the database takes none and the broker cannot wait.

The oldest tasks that have not ended go first: their end, when it comes, is a row of its own. Where all have
ended, the oldest lose their details (arguments, result, traceback) and keep their state, their times and
their name. Their number has an end too, far beyond: a camera without memory loses everything.
"""

from collections import deque

from djtaskq_monitor.recording import merge
from djtaskq_monitor.recording.events import Change

Rows = dict[str, Change]

# What can be of any size, each with the key that holds it.
_DETAILS = frozenset(
    column for key in ("described", "result_key", "error_key") for column in (key, *merge.TASK.registers[key])
)
# Tasks that have ended and lost their details, for each whole one.
SLIM_FOR_WHOLE = 4


class Room:
    """Room for `limit` whole tasks."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._unfinished: deque[str] | None = None
        self._whole: deque[str] = deque()

    def changed(self) -> None:
        """The rows are others than they were."""
        self._unfinished = None

    def add(self, tasks: Rows, change: Change, *, out: int) -> int:
        """Add a task while `out` others are being written; how many tasks lost something for it."""
        key = change["task_id"]
        if len(tasks) + out < self.limit:
            tasks[key] = change
            if self._unfinished is not None:
                self._unfinished.append(key)
            return 0
        if self._unfinished is None:
            self._unfinished, self._whole = deque(tasks), deque()
        if self._forget_one(tasks):
            tasks[key] = change
            self._unfinished.append(key)
            return 1
        if not change["outcome"] or len(tasks) + out >= SLIM_FOR_WHOLE * self.limit:
            return 1
        tasks[key] = change
        self._whole.append(key)
        return self._slim_one(tasks)

    def _forget_one(self, tasks: Rows) -> bool:
        """Forget the oldest task that has not ended; whether there was one."""
        while self._unfinished:
            key = self._unfinished.popleft()
            row = tasks.get(key)
            if row is None:
                continue
            if not row["outcome"]:
                del tasks[key]
                return True
            self._whole.append(key)
        return False

    def _slim_one(self, tasks: Rows) -> int:
        while self._whole:
            row = tasks.get(self._whole.popleft())
            if row is not None:
                for name in _DETAILS & row.keys():
                    del row[name]
                return 1
        return 0
