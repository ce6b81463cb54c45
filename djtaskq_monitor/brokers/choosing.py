"""Which kind of broker a Celery app has."""

import contextlib
from collections.abc import Iterator
from typing import Any

from celery import Celery
from kombu import Connection

from djtaskq.conf import conf
from djtaskq_monitor.brokers.broker import CONNECT_SECONDS, Broker


def broker_of(app: Celery) -> Broker:
    """The app's broker, by a connection of its own that is not yet open; `close()` it.

    A connection that is not used for a while needs no heartbeat: it is asked with a bound on each answer.
    """
    connection: Any = app.connection_for_read(connect_timeout=CONNECT_SECONDS, heartbeat=0)
    broker = _broker(connection, connection.transport.driver_type)
    connection.transport_options.update(broker.bounds)
    return broker


@contextlib.contextmanager
def asking(app: Celery) -> Iterator[Broker]:
    """The app's broker for a few questions."""
    broker = broker_of(app)
    try:
        yield broker
    finally:
        broker.close()


def _broker(connection: Connection, driver: str) -> Broker:
    """Each kind is imported where it is met: not every project has every driver."""
    if driver == "amqp":
        return _rabbitmq(connection)
    if driver == "redis":
        from djtaskq_monitor.brokers.redis import RedisBroker

        return RedisBroker(connection)
    if driver == "filesystem":
        from djtaskq_monitor.brokers.filesystem import FilesystemBroker

        return FilesystemBroker(connection)
    from djtaskq_monitor.brokers.virtual import VirtualBroker

    return VirtualBroker(connection)


def _rabbitmq(connection: Connection) -> Broker:
    from djtaskq_monitor.brokers.amqp import AmqpBroker
    from djtaskq_monitor.brokers.rabbitmq import RabbitMQ

    api = conf().MONITOR_BROKER_API
    return RabbitMQ(connection, api) if api else AmqpBroker(connection)
