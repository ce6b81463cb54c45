"""How many messages may be under way before it must be certain that the broker has them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from kombu.exceptions import OperationalError

# What is under way when a connection breaks goes out again, under the same task ids.
_PIPELINED = 100
_CONFIRMED = 500
# Bytes that are held back at most before they are written: a hundred messages or so.
_CORKED = 65_536


class Window(Protocol):
    """`size` messages that are sent together: once `confirm` has returned, they arrived.

    Both raise connection errors. `answers_later` says whether there is something to wait for.
    """

    size: int
    answers_later: bool

    def open(self) -> Any:
        """A context manager around the sending of up to `size` messages."""

    def confirm(self) -> None:
        """Wait until the broker has said that it has them."""


class OneByOne:
    """Nothing but the word of the transport, message by message."""

    size = 1
    answers_later = False

    @contextmanager
    def open(self) -> Iterator[None]:
        yield

    def confirm(self) -> None:
        """It has, or an error would have been raised."""


class Pipelined:
    """Kombu's own batches: the messages of a window go to the broker in one round trip."""

    size = _PIPELINED
    answers_later = False

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    @contextmanager
    def open(self) -> Iterator[None]:
        with self._producer.batch(max_size=self.size * 2):
            yield

    def confirm(self) -> None:
        """It has: a batch ends with its answer."""


class Confirmed:
    """AMQP's publisher confirms, awaited once for a window and not once for a message.

    Without them, what was written into the socket of a broker that stops is gone, and nobody is told.
    """

    size = _CONFIRMED
    answers_later = True

    def __init__(self, connection: Any, channel: Any, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._cork = _Cork(connection.connection.transport)
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
        self._cork.flush()

    def confirm(self) -> None:
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
        with self._cork:
            return self._publish(*args, **kwargs)

    def _on_ack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001  py-amqp's signature
        if multiple:
            self._open = {number for number in self._open if number > tag}
        else:
            self._open.discard(tag)

    def _on_nack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001
        self._refused = True
        self._on_ack(tag, multiple)


class _Cork:
    """Holds back what is written to an AMQP connection within it, until there is enough for one write.

    A broker that reads many messages at once confirms them with one frame; message by message, it sends one
    for each.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        # What py-amqp's transports write with; there is no public place between a frame and the socket.
        self._write = transport._write  # noqa: SLF001
        self._held = bytearray()

    def __enter__(self) -> None:
        # A copy is taken: py-amqp makes the next frame in the same buffer.
        self._transport._write = self._held.extend  # noqa: SLF001

    def __exit__(self, *_: object) -> None:
        self._transport._write = self._write  # noqa: SLF001
        if len(self._held) > _CORKED:
            self.flush()

    def flush(self) -> None:
        held, self._held = self._held, bytearray()
        if held:
            self._write(held)


def window_for(connection: Any, producer: Any, seconds: float) -> Window:
    """The widest window that the transport can vouch for."""
    channel = producer.channel
    # Kombu has them since 5.7.
    if getattr(producer, "supports_batch_publish", False):
        return Pipelined(producer)
    if hasattr(channel, "confirm_select") and not connection.connection.confirm_publish:
        return Confirmed(connection, channel, seconds)
    return OneByOne()
