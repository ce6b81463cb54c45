"""RabbitMQ and its kin by AMQP alone: a passive declaration counts messages and consumers."""

from collections.abc import Mapping
from typing import Any, ClassVar

from djtaskq_monitor.brokers.broker import ANSWER_SECONDS, Broker
from djtaskq_monitor.brokers.figures import ABSENT, CannotPeek, Figures
from djtaskq_monitor.brokers.messages import Waiting

_NOT_FOUND = 404


class AmqpBroker(Broker):
    """AMQP does not tell what workers hold, nor when a message was sent, and shows none without taking it."""

    bounds: ClassVar[Mapping[str, Any]] = {"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS}

    def _figures(self, name: str) -> Figures:
        try:
            told = self.channel.queue_declare(name, passive=True)
        except self._refusals as error:
            if getattr(error, "code", None) == _NOT_FOUND:
                return ABSENT
            raise
        return Figures(length=told.message_count, consumers=told.consumer_count)

    def _peek(self, name: str, most: int) -> list[Waiting]:  # noqa: ARG002  nothing is read
        raise CannotPeek(reason='AMQP has no way to do so. Set DJTASKQ["MONITOR_BROKER_API"].')
