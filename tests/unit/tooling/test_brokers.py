import socket

import pytest
from kombu import Connection, Queue

QUEUE = Queue("mail", routing_key="mail")


def exchange_one(url, options=None):
    """Send a message, receive everything, leave one behind."""
    received = []
    with Connection(url, transport_options=options) as connection:
        producer = connection.Producer()
        producer.publish("first", routing_key="mail", declare=[QUEUE])
        with connection.Consumer(
            QUEUE, callbacks=[lambda body, message: (received.append(body), message.ack())]
        ):
            connection.drain_events(timeout=5)
            with pytest.raises(socket.timeout):
                connection.drain_events(timeout=0.1)
        producer.publish("left behind", routing_key="mail", declare=[QUEUE])
    return received


@pytest.mark.parametrize("time", [1, 2])
def test_a_test_gets_an_empty_redis_database(redis_url, time):
    assert exchange_one(redis_url) == ["first"]


@pytest.mark.parametrize("time", [1, 2])
def test_a_test_gets_an_empty_virtual_host(rabbitmq_url, time):
    assert exchange_one(rabbitmq_url) == ["first"]


@pytest.mark.parametrize("time", [1, 2])
def test_a_test_gets_empty_folders(filesystem_broker_url, filesystem_broker_options, time):
    assert exchange_one(filesystem_broker_url, filesystem_broker_options) == ["first"]
