"""How changes to one row become one, whatever their order.

Merging is commutative, associative and idempotent: events may come late, twice, out of order and through
several cameras, and the row is the same. Each column follows one of five rules:

- *latest*: the greatest value, of times and counts;
- *earliest*: the least;
- *repeated*: times of states that a task reaches with each attempt. The latest stands in the column, the
  earlier ones in `repeats`;
- *constant*: what is the same in every event that has it, such as the task's name. Known beats unknown;
- *registers*: columns that stand together, held by a key (see `order`): those of the greater key win, and
  bring their own gaps with them. Where two keys are equal, each column takes the greater of the two values,
  and text compares by its MD5, since that order is the same in Python and in every database.

`djtaskq_monitor.recording.assignments` says the same in SQL, of the same rules; a contract test holds the two
against each other.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from djtaskq_monitor.recording import repeats
from djtaskq_monitor.recording.events import Change


@dataclasses.dataclass(frozen=True)
class Rules:
    """The rule of each column of a table; `key` is the column that names the row."""

    key: str
    registers: Mapping[str, tuple[str, ...]]
    latest: frozenset[str] = frozenset()
    earliest: frozenset[str] = frozenset()
    constant: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()

    def merge(self, known: Change, change: Change) -> None:
        """Take `change` into `known`, in place; both are about the same row."""
        if self.repeated:
            repeats.merge(self.repeated, known, change)
        for column, value in change.items():
            if column in self.registers:
                self._register(known, change, column)
            elif column in self.latest:
                if column not in known or value > known[column]:
                    known[column] = value
            elif column in self.earliest:
                if column not in known or value < known[column]:
                    known[column] = value
            elif column in self.constant and greater(value, known.get(column)):
                known[column] = value

    def _register(self, known: Change, change: Change, key: str) -> None:
        held, new = known.get(key, -1), change[key]
        if new > held:
            known[key] = new
            for column in self.registers[key]:
                known[column] = change.get(column)
        elif new == held:
            for column in self.registers[key]:
                if greater(change.get(column), known.get(column)):
                    known[column] = change[column]


def greater(value: Any, known: Any) -> bool:
    """Whether `value` takes the place of `known` where nothing else decides."""
    if value is None or value == known:
        return False
    if known is None:
        return True
    if isinstance(value, str):
        return digest(value) > digest(known)
    return bool(value > known)


def digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


TASK = Rules(
    key="task_id",
    latest=frozenset(
        ("tstamp", "received", "started", "failed", "retried", "revoked", "rejected", "cancelled", "retries")
    ),
    earliest=frozenset(("first_seen",)),
    constant=frozenset(("name", "root_id", "parent_id")),
    repeated=frozenset(("sent", "received", "started", "retried")),
    registers={
        "rank": ("state", "outcome", "worker"),
        "sent": ("client", "queue", "exchange", "routing_key"),
        "described": ("args", "kwargs", "eta", "expires"),
        "succeeded": ("runtime",),
        "result_key": ("result",),
        "error_key": ("exception", "traceback"),
    },
)
WORKER = Rules(
    key="hostname",
    latest=frozenset(("last_heartbeat",)),
    earliest=frozenset(("first_seen",)),
    registers={
        "status_key": ("offline_since",),
        "software_key": ("pid", "freq", "sw_ident", "sw_ver", "sw_sys", "clock_drift"),
        "load_key": ("active", "processed", "load_1", "load_5", "load_15"),
        "queues_key": ("queues",),
    },
)
