"""Which queues there are: no broker lists them all, so everybody who knows one is asked."""

from collections.abc import Iterable, Iterator

from celery import Celery

from djtaskq.conf import conf
from djtaskq_monitor.models import QueueState, Series, WorkerState
from djtaskq_monitor.recording import values
from djtaskq_monitor.statistics.labels import ALL, OTHER

# More are not asked for; those that come first in `_sources` are.
MOST = 500


def queue_names(app: Celery, *, using: str) -> list[str]:
    """The queues to ask for, in no order that matters; three statements."""
    names: dict[str, None] = {}
    for source in _sources(app, using):
        for name in source:
            # What is no name for the database is none of a queue that anybody made on purpose.
            known = values.identifier(name)
            if known is not None and len(names) < MOST:
                names[known] = None
    return list(names)


def _sources(app: Celery, using: str) -> Iterator[Iterable[str]]:
    yield conf().MONITOR_QUEUES
    yield app.amqp.queues
    workers = WorkerState.objects.using(using).exclude(queues=None).order_by("-last_heartbeat")
    yield (name for worker in workers.only("queues")[: 10 * MOST] for name in worker.queue_names)
    # In which something waited when it was asked for last, whoever named it then.
    yield QueueState.objects.using(using).filter(length__gt=0).values_list("name", flat=True)[:MOST]
    counted = Series.objects.using(using).filter(name=ALL, worker=ALL).exclude(queue__in=("", ALL, OTHER))
    yield counted.values_list("queue", flat=True)[:MOST]
