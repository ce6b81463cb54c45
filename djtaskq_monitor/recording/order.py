"""Which of two events about one task, or one worker, has the last word: keys that order them all.

Every key is one number that fits a bigint, so that the databases compare as Python does.

`rank` orders states: first by class, then by the sender's time, then by precedence.

    class 0   PENDING: the client says that it sent the task. Its clock is not the worker's, so it never
              outranks anything that a worker said.
    class 1   a worker's word on a task that may go on: RECEIVED, STARTED, PROGRESS and other custom states,
              RETRY, CANCELLED, REJECTED. The later one wins: a STARTED after a RETRY is the next attempt.
              CANCELLED and REJECTED end a task, unless a later word of a worker shows that the broker
              delivered it once more.
    class 2   SUCCESS, FAILURE, REVOKED. Nothing of a lower class takes their place, however late: a message
              delivered twice is received after it succeeded. Among themselves the later one wins: a task id
              that is used again ends as its last run did.

The attempt is in the time. Celery sends its number with `task-sent` and `task-received` alone, so an order
by numbers would need every event of a task, in its order, in memory. A retry's events carry later times
than those of the attempt before it, by the clock of one worker or of several that NTP holds together. A
worker that lags by more than the pause between two attempts shows RETRY for as long as its attempt runs; the
final state is right whatever the clocks.
"""

from celery import states

CANCELLED = "CANCELLED"
FINAL_STATES = frozenset({states.SUCCESS, states.FAILURE, states.REVOKED})
ENDED_STATES = FINAL_STATES | {states.REJECTED, CANCELLED}

# Times are microseconds since the epoch and stay below this until the year 2112.
END_OF_TIME = 1 << 52
_TIME_BITS = 52
_PRECEDENCE_BITS = 4
_CLASS_SHIFT = _TIME_BITS + _PRECEDENCE_BITS
_QUALITY_SHIFT = _CLASS_SHIFT + 2
_MOST_RETRIES = (1 << 10) - 1

_CUSTOM = 3
_PRECEDENCE = {
    states.PENDING: 0,
    states.RECEIVED: 1,
    states.STARTED: 2,
    states.RETRY: 4,
    CANCELLED: 5,
    states.REJECTED: 6,
    states.REVOKED: 7,
    states.FAILURE: 8,
    states.SUCCESS: 9,
}
_BASE = {
    state: ((0 if state == states.PENDING else 2 if state in FINAL_STATES else 1) << _CLASS_SHIFT) + number
    for state, number in _PRECEDENCE.items()
}
_CUSTOM_BASE = (1 << _CLASS_SHIFT) + _CUSTOM


def outcome(state: str) -> str | None:
    """The state, if it ends a task."""
    return state if state in ENDED_STATES else None


def rank(state: str, at: int) -> int:
    """The key of a state at a time: the greater rank is the task's state."""
    return _BASE.get(state, _CUSTOM_BASE) + (at << _PRECEDENCE_BITS)


def description(retries: int, at: int, *, complete: bool) -> int:
    """The key of what `task-sent` and `task-received` say: complete ones, then later attempts, then later."""
    attempt = min(retries, _MOST_RETRIES)
    return (complete << _TIME_BITS + 10) + (attempt << _TIME_BITS) + at


def answer(ranked: int, *, telling: bool) -> int:
    """The key of a result or an exception: those that tell something, then those of the greater rank."""
    return (telling << _QUALITY_SHIFT) + ranked


def status(at: int, *, offline: bool) -> int:
    """The key of a worker's coming and going."""
    return (at << 1) + offline


def software(at: int, *, complete: bool) -> int:
    """The key of what a worker says about itself."""
    return (complete << _TIME_BITS) + at
