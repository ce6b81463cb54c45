"""What each kind of broker is asked for, and how its errors are read."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from kombu import Connection
from kombu.exceptions import OperationalError

from djtaskq_monitor.brokers.figures import BrokerAway, BrokerRefuses, CannotPeek, Figures, failed
from djtaskq_monitor.brokers.messages import Waiting

# How long one broker may take to be reached, and then to answer, in seconds.
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0


class Broker(ABC):
    """One kind of broker, asked through a connection of its own.

    It raises `BrokerAway` where the broker does not answer, and `BrokerRefuses` where it answers with an
    error. `figures` does not raise for one queue: what went wrong with it is in its figures.
    """

    # Transport options that bound how long a broker may take, by kombu's names.
    bounds: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, connection: Connection) -> None:
        # The stubs know of less than there is.
        self.connection: Any = connection
        self._opened: Any = None

    @property
    def channel(self) -> Any:
        """The channel, opened when it is asked for first, and after one was closed by an error."""
        if self._opened is None or not getattr(self._opened, "is_open", True):
            self.connection.ensure_connection(
                max_retries=max(1, len(self.connection.alt)), interval_start=0, timeout=CONNECT_SECONDS
            )
            self._opened = self.connection.channel()
        return self._opened

    def figures(self, names: Collection[str]) -> dict[str, Figures]:
        """The figures of each queue."""
        with self.answering():
            return self._all_figures(names)

    def peek(self, name: str, most: int) -> list[Waiting]:
        """The first messages that wait, in the order in which workers get them; none of them is taken.

        Raises `CannotPeek` where the broker has no way to do so.
        """
        with self.answering():
            return self._peek(name, most)

    def purge(self, name: str) -> int:
        """Delete what waits in the queue; how many messages that were."""
        with self.answering():
            return int(self.channel.queue_purge(name) or 0)

    def close(self) -> None:
        with contextlib.suppress(*self._losses):
            self.connection.release()
        self._opened = None

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Translate the driver's errors."""
        try:
            yield
        except self._refusals as error:
            raise BrokerRefuses(reason=_said(error)) from error
        except self._losses as error:
            raise BrokerAway(reason=_said(error)) from error

    def _all_figures(self, names: Collection[str]) -> dict[str, Figures]:
        return {name: self._each_figures(name) for name in names}

    def _each_figures(self, name: str) -> Figures:
        try:
            return self._figures(name)
        except self._refusals as error:
            return failed(_said(error))

    @abstractmethod
    def _figures(self, name: str) -> Figures: ...

    def _peek(self, name: str, most: int) -> list[Waiting]:  # noqa: ARG002  for those that can
        raise CannotPeek(reason=f"the transport {self.connection.transport.driver_type} has no way to do so.")

    @property
    def _refusals(self) -> tuple[type[BaseException], ...]:
        return tuple(self.connection.channel_errors)

    @property
    def _losses(self) -> tuple[type[BaseException], ...]:
        return (*self.connection.connection_errors, OperationalError, OSError)


def _said(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
