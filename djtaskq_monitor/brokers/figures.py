"""What a broker tells of a queue, whatever the broker."""

import dataclasses
import datetime as dt

from djtaskq.errors import DjtaskqError


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """One queue's; None where the broker does not tell.

    `length` counts the messages that wait, `unacked` those that workers hold. `oldest` is when the message
    at the head was sent, `heads` the ids of tasks that are next. `absent` is a queue that nobody has made
    yet; `problem` says why the broker told nothing of this one.
    """

    length: int | None = None
    unacked: int | None = None
    consumers: int | None = None
    oldest: dt.datetime | None = None
    heads: tuple[str, ...] = ()
    absent: bool = False
    problem: str = ""


# Nothing waits in a queue that is not there, and nobody takes from it.
ABSENT = Figures(length=0, unacked=0, consumers=0, absent=True)


def failed(error: object) -> Figures:
    return Figures(problem=str(error).strip() or type(error).__name__)


class BrokerAway(DjtaskqError):
    """The broker does not answer: {reason}"""


class BrokerRefuses(DjtaskqError):
    """The broker refuses: {reason}"""


class CannotPeek(DjtaskqError):
    """Waiting messages cannot be read here: {reason}"""
