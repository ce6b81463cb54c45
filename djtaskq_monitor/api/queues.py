"""The queues that wait in the broker."""

from typing import Any

from celery import current_app

from djtaskq_monitor.api.endpoints import AWAY, Call, endpoint
from djtaskq_monitor.api.errors import unavailable
from djtaskq_monitor.brokers.choosing import asking
from djtaskq_monitor.brokers.figures import BrokerAway, BrokerRefuses
from djtaskq_monitor.models import QueueState

VIEW = "djtaskq_monitor.view_queuestate"


@endpoint("GET", VIEW)
def lengths(call: Call) -> dict[str, Any]:  # noqa: ARG001  every endpoint gets its call
    """The queues with how many messages wait in each: as a camera was told, else as the broker says."""
    rows = QueueState.objects.order_by("name").values("name", "length", "unacked", "consumers")
    return {"active_queues": [_queue(**row) for row in rows] or _asked()}


def _asked() -> list[dict[str, Any]]:
    names = sorted(current_app.amqp.queues)
    try:
        with asking(current_app) as broker:
            found = broker.figures(names)
    except (BrokerAway, BrokerRefuses) as error:
        raise unavailable(f"{AWAY}: {error}") from error
    return [_queue(name, each.length, each.unacked, each.consumers) for name, each in found.items()]


def _queue(name: str, length: int | None, unacked: int | None, consumers: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "messages": length,
        "messages_ready": length,
        "messages_unacknowledged": unacked,
        "consumers": consumers,
    }
