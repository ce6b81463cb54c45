"""How many messages may be under way before it must be certain that the broker has them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from kombu.exceptions import OperationalError

# What is under way when a connection breaks goes out again, under the same task ids.
_PIPELINED = 100
_CONFIRMED = 500


class Window(Protocol):
    """`size` messages that are sent together: once `open` has been left without an error, they arrived."""

    size: int

    def open(self) -> Any:
        """A context manager around the sending of up to `size` messages."""


class OneByOne:
    """Nothing but the word of the transport, message by message."""

    size = 1

    @contextmanager
    def open(self) -> Iterator[None]:
        yield


class Pipelined:
    """Kombu's own batches: the messages of a window go to the broker in one round trip."""

    size = _PIPELINED

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    @contextmanager
    def open(self) -> Iterator[None]:
        with self._producer.batch(max_size=self.size * 2):
            yield


class Confirmed:
    """AMQP's publisher confirms, awaited once for a window and not once for a message.

    Without them, what was written into the socket of a broker that stops is gone, and nobody is told.
    """

    size = _CONFIRMED

    def __init__(self, connection: Any, channel: Any, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._open: set[int] = set()
        self._last = 0
        self._refused = False
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        self._publish, channel.basic_publish = channel.basic_publish, self._count

    @contextmanager
    def open(self) -> Iterator[None]:
        yield
        deadline = time.monotonic() + self._seconds
        while self._open:
            try:
                self._connection.drain_events(timeout=max(deadline - time.monotonic(), 0.001))
            except TimeoutError as error:
                if time.monotonic() >= deadline:
                    raise OperationalError(f"no confirmation within {self._seconds} seconds") from error
        if self._refused:
            raise OperationalError("the broker refused to take a message")

    def _count(self, *args: Any, **kwargs: Any) -> Any:
        # Numbered before it is sent: its confirmation may be read while the next one is written.
        self._last += 1
        self._open.add(self._last)
        return self._publish(*args, **kwargs)

    def _on_ack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001  py-amqp's signature
        if multiple:
            self._open = {number for number in self._open if number > tag}
        else:
            self._open.discard(tag)

    def _on_nack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001
        self._refused = True
        self._on_ack(tag, multiple)


def window_for(connection: Any, producer: Any, seconds: float) -> Window:
    """The widest window that the transport can vouch for."""
    channel = producer.channel
    # Kombu has them since 5.7.
    if getattr(producer, "supports_batch_publish", False):
        return Pipelined(producer)
    if hasattr(channel, "confirm_select") and not connection.connection.confirm_publish:
        return Confirmed(connection, channel, seconds)
    return OneByOne()
