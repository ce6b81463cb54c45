"""What the broker was given, read by means that know nothing of beat."""

import dataclasses
import datetime as dt
import json

from kombu import Connection, Exchange, Queue
from redis import Redis

QUEUE = "celery"


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """One message: whose run it is, of which slot (None if django-celery-beat sent it), under which id."""

    name: str
    slot: dt.datetime | None
    id: str
    expires: dt.datetime | None


def take(url):
    """Take all messages out of the queue; whoever publishes into it has stopped, or is asked again."""
    return [_sent(headers) for headers in (_redis(url) if url.startswith("redis") else _amqp(url))]


def _redis(url):
    with Redis.from_url(url) as client:
        while messages := client.rpop(QUEUE, 1000):
            for message in messages:
                yield json.loads(message)["headers"]


def _amqp(url):
    with Connection(url) as connection:
        queue = Queue(QUEUE, Exchange(QUEUE), QUEUE)(connection.default_channel)  # as Celery declares it
        queue.declare()
        # A message that was confirmed is there: no silence has to be waited for.
        while (message := queue.get(no_ack=True)) is not None:
            yield message.headers


def _sent(headers):
    return Sent(
        name=headers["periodic_task_name"],
        slot=_instant(headers.get("djtaskq_slot")),
        id=headers["id"],
        expires=_instant(headers.get("expires")),
    )


def _instant(text):
    return None if text is None else dt.datetime.fromisoformat(text)
