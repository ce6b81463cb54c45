"""Which of a broker's messages the database has, so that no other is acknowledged.

The receiver notes each message once all of its events are recorded. A write marks what was noted before it
took what is pending, and settles that mark once it is in the database. So a camera that is killed has
acknowledged nothing that it did not write.
"""

import threading
from typing import NamedTuple


class Mark(NamedTuple):
    """All messages of one channel up to a delivery tag; tags begin anew with each channel."""

    channel: int = 0
    tag: int = 0


class Receipts:
    """Messages noted by the receiver's thread and settled by the one that writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted = self._settled = Mark()
        self._acknowledged = 0

    def begin(self) -> None:
        """A new channel: the broker delivers again what was not acknowledged on the last one."""
        with self._lock:
            self._noted = self._settled = Mark(self._noted.channel + 1)
            self._acknowledged = 0

    def note(self, tag: int) -> None:
        """The events of this message, and of all before it, are recorded."""
        with self._lock:
            self._noted = Mark(self._noted.channel, max(tag, self._noted.tag))

    def mark(self) -> Mark:
        """What is recorded by now; to be asked before what is pending is taken."""
        with self._lock:
            return self._noted

    def settle(self, mark: Mark) -> None:
        """What was recorded up to `mark` is in the database."""
        with self._lock:
            if mark.channel == self._settled.channel:
                self._settled = max(mark, self._settled)

    def to_acknowledge(self) -> int | None:
        """The tag up to which messages can be acknowledged; None if there is no new one."""
        with self._lock:
            if self._settled.tag == self._acknowledged:
                return None
            self._acknowledged = self._settled.tag
            return self._acknowledged

    @property
    def open(self) -> int:
        """How many messages are recorded and not settled."""
        with self._lock:
            return self._noted.tag - self._settled.tag
