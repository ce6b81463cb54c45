"""What a producer alone does: the limit for every beat."""

import time

from celery import Celery

from benchmarks.scale.app import TASK

_WARM = 100


def rate(url: str, count: int, *, confirmed: bool = False) -> float:
    """How many messages a second a bare `send_task` loop on one producer sends, of `count`.

    `confirmed` waits after each for RabbitMQ to say that it has it; a beat must know, too, but need not wait
    for each.
    """
    options = {"confirm_publish": True} if confirmed else {}
    app = Celery("bare", broker=url, broker_transport_options=options, set_as_current=False)
    with app, app.producer_or_acquire() as producer:
        for _ in range(_WARM):
            app.send_task(TASK, [1, 2], {}, producer=producer)
        start = time.perf_counter()
        for _ in range(count):
            app.send_task(TASK, [1, 2], {}, producer=producer)
        return count / (time.perf_counter() - start)
