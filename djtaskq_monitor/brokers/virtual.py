"""Any other transport of kombu's: the number of messages, where it counts them."""

from kombu.transport.virtual import AbstractChannel

from djtaskq_monitor.brokers.broker import Broker
from djtaskq_monitor.brokers.figures import Figures


class VirtualBroker(Broker):
    """A transport that kombu builds from lists of messages."""

    def _figures(self, name: str) -> Figures:
        channel = self.channel
        counting = getattr(type(channel), "_size", None)
        # The base class says nought of every queue.
        if counting is None or counting is AbstractChannel._size:  # noqa: SLF001  kombu's own name for it
            return Figures()
        return Figures(length=int(channel._size(name)))  # noqa: SLF001
