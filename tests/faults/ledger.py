"""What the broker was given, read by means that know nothing of beat."""

import dataclasses
import datetime as dt
import json

from kombu import Connection, Consumer, Exchange, Queue
from redis import Redis

QUEUE = "celery"


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """One message: whose run it is, of which slot (None if django-celery-beat sent it), under which id."""

    name: str
    slot: dt.datetime | None
    id: str
    expires: dt.datetime | None


def take(url, *, silence=1.0):
    """Take all messages out of the queue; RabbitMQ has said all after `silence` seconds without any."""
    return [_sent(headers) for headers in (_redis(url) if url.startswith("redis") else _amqp(url, silence))]


def _redis(url):
    with Redis.from_url(url) as client:
        while messages := client.rpop(QUEUE, 1000):
            for message in messages:
                yield json.loads(message)["headers"]


def _amqp(url, silence):
    found = []

    def note(message):
        found.append(message.headers)

    with Connection(url) as connection:
        queue = Queue(QUEUE, Exchange(QUEUE), QUEUE)  # as Celery declares it
        with Consumer(connection, [queue], no_ack=True, on_message=note):
            try:
                while True:
                    connection.drain_events(timeout=silence)
            except TimeoutError:
                return found


def _sent(headers):
    return Sent(
        name=headers["periodic_task_name"],
        slot=_instant(headers.get("djtaskq_slot")),
        id=headers["id"],
        expires=_instant(headers.get("expires")),
    )


def _instant(text):
    return None if text is None else dt.datetime.fromisoformat(text)
