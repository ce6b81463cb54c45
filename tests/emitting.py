"""A process that tells of tasks as a busy worker does: `python -m tests.emitting URL COUNT`.

Celery's own dispatcher sends the events, in lists as workers send them. It says `began TIME` before the first
and `ended TIME` after the last.
"""

import argparse
import sys
import time
from typing import Any

from celery import Celery

# Of each task.
EVENTS = 3
# As many as Celery's workers put into one message at most.
LIST = 24
_BETWEEN_HEARTBEATS = 1.0
HEARTBEAT = {
    "freq": 2.0,
    "sw_ident": "py-celery",
    "sw_ver": "5.7.0",
    "sw_sys": "Linux",
    "active": 1,
    "loadavg": (0.1, 0.2, 0.3),
}


def main() -> None:
    options = _arguments()
    app = Celery(broker=options.url, set_as_current=False)
    with (
        app.connection_for_write() as connection,
        app.events.Dispatcher(
            connection, hostname=options.hostname, buffer_group={"task"}, buffer_limit=options.list
        ) as dispatcher,
    ):
        dispatcher.send("worker-online", **HEARTBEAT, processed=0)
        _say("began")
        _emit(dispatcher, options)
        dispatcher.flush()
        # A camera that compares its count with ours does so one heartbeat later.
        for _ in range(3):
            dispatcher.send("worker-heartbeat", **HEARTBEAT, processed=options.count)
        _say("ended")
        while options.stay:
            time.sleep(_BETWEEN_HEARTBEATS / 2)
            dispatcher.send("worker-heartbeat", **HEARTBEAT, processed=options.count)


def _emit(dispatcher: Any, options: argparse.Namespace) -> None:
    began = beat = time.monotonic()
    for number in range(options.count):
        for kind, fields in life(f"{options.hostname}-{number}"):
            dispatcher.send(kind, **fields)
        now = time.monotonic()
        if now - beat > _BETWEEN_HEARTBEATS:
            beat = now
            dispatcher.send("worker-heartbeat", **HEARTBEAT, processed=number + 1)
        if options.rate and number % LIST == 0:
            time.sleep(max(0, began + number / options.rate - now))


def life(task_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a task that succeeds: their types and their own fields."""
    received = {
        "uuid": task_id,
        "name": "proj.tasks.add",
        "args": "(2, 3)",
        "kwargs": "{}",
        "retries": 0,
        "eta": None,
        "expires": None,
        "root_id": task_id,
        "parent_id": None,
    }
    return [
        ("task-received", received),
        ("task-started", {"uuid": task_id}),
        ("task-succeeded", {"uuid": task_id, "result": "5", "runtime": 0.01}),
    ]


def _say(what: str) -> None:
    sys.stdout.write(f"{what} {time.time()}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--hostname", default="celery@emitting", help="the worker's name")
    parser.add_argument("--list", type=int, default=LIST, help="events in a message")
    parser.add_argument("--rate", type=float, default=0, help="tasks a second, if not as fast as it goes")
    parser.add_argument("--stay", action="store_true", help="go on living, without tasks, until killed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
