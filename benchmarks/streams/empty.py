"""Takes events from a broker and does nothing with them: `python -m benchmarks.streams.empty URL`.

Says `ready`, and then how many came by when, whenever there are more.
"""

import sys
import time
from typing import Any

from celery.events.event import get_exchange
from kombu import Connection, Consumer, Queue


def main() -> None:
    taken = 0

    def take(body: Any, _message: Any) -> None:
        nonlocal taken
        taken += sum(event["type"].startswith("task-") for event in body) if isinstance(body, list) else 0

    with Connection(sys.argv[1]) as connection:
        queue = Queue("empty", get_exchange(connection), routing_key="#", auto_delete=True)
        with Consumer(connection.default_channel, [queue], callbacks=[take], no_ack=True):
            print("ready", flush=True)
            told, tell_at = 0, 0.0
            while True:
                try:
                    connection.drain_events(timeout=0.05)
                except TimeoutError:
                    tell_at = 0.0
                if taken > told and time.time() >= tell_at:
                    told, tell_at = taken, time.time() + 0.1
                    print("took", taken, "at", time.time(), flush=True)


if __name__ == "__main__":
    main()
