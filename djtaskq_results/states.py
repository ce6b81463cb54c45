"""Which state may replace which.

A task's states come from several processes: the worker's child that runs it, the worker's parent (a time
limit, a lost child, a revocation), any worker that is told to revoke, and every worker that is handed the
message again. They reach the database in any order. What the database knows of the order is the stored
state and whether `date_started` is set; what the writer knows is its own state and whether the broker marked
the message as redelivered. (`retries` tells nothing: the row has no column to compare it with, and within a
chain of retries the stored state is RETRY, which gives way to everything.)

From these the rule:

1. SUCCESS is final. Not even a second SUCCESS replaces it: the result that was handed out stays.
2. FAILURE and REVOKED, the other ready states, give way to every ready state: a task that was given up for
   lost and then ran to its end has its true end.
3. They give way to a state that is not ready only where a new attempt is certain or as good as certain:
   - STARTED is the first thing that an attempt writes, and it writes it once. It passes if the message was
     redelivered, or if `date_started` shows that an earlier attempt wrote its own already. Without either it
     is the late STARTED of a task that was revoked or killed as it began.
   - Any other state (RETRY, PROGRESS, a custom one) passes if the message was redelivered and
     `date_started` is empty. If it is set, this attempt has written STARTED itself, which has made room
     already if there was room to make; so this is what a killed attempt left behind.
4. PENDING says that nothing is known. It replaces nothing but PENDING.
5. States that are not ready give way to each other, and to all that are ready: the newest is the one that
   came last.

Where the evidence is not enough, the rule keeps the ready state. To keep it wrongly costs the sight of a
running state until the attempt ends, and then rule 2 puts it right; to give it up wrongly would leave a task
that has ended waiting for ever.
"""

import dataclasses
import enum

from celery.states import PENDING, READY_STATES, STARTED, SUCCESS


class Ended(enum.Enum):
    """Which rows in a ready state other than SUCCESS a write may replace."""

    ALL = "all of them"
    STARTED = "those that have a date_started"
    NOT_STARTED = "those that have none"
    NONE = "none"


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """Which stored rows give way to one write.

    `ended` speaks of the rows in FAILURE and REVOKED; `unready` is true if rows in any state that is not
    ready give way, false if only those in PENDING do. No row in SUCCESS ever does.
    """

    ended: Ended
    unready: bool = True


def gate(state: str, *, redelivered: bool = False) -> Gate:
    """The gate before a write of `state`; `redelivered` as the broker marked the message."""
    if state in READY_STATES:
        return Gate(Ended.ALL)
    if state == PENDING:
        return Gate(Ended.NONE, unready=False)
    if state == STARTED:
        return Gate(Ended.ALL if redelivered else Ended.STARTED)
    return Gate(Ended.NOT_STARTED if redelivered else Ended.NONE)


def gives_way(stored: str, gate: Gate, *, started: bool) -> bool:
    """Whether a row in state `stored` lets the write pass; `started` if it has a date_started.

    The same in Python as `store` says in SQL, for whoever wants to know beforehand, and for the tests that
    hold the two together.
    """
    if stored == SUCCESS:
        return False
    if stored not in READY_STATES:
        return gate.unready or stored == PENDING
    if gate.ended is Ended.STARTED:
        return started
    if gate.ended is Ended.NOT_STARTED:
        return not started
    return gate.ended is Ended.ALL
