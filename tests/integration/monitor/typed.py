"""What a person types for each command that workers take, and what a worker says to it."""

from importlib.util import find_spec
from typing import NamedTuple

from tests.integration.monitor.controlling import APP

SLOW, LIMITED = f"{APP}.slow", f"{APP}.limited"


class Row(NamedTuple):
    """What is typed into a command's form, and what a worker without --autoscale says to it."""

    typed: dict[str, str | bool]
    said: str


ROWS = {
    "ping": Row({}, "pong"),
    "report": Row({}, "software -> celery:"),
    "query-task": Row({"ids": "nobody"}, "{}"),
    "clock": Row({}, "clock"),
    "memory-sample": Row({}, "MB" if find_spec("psutil") else "done"),
    "memory-dump": Row({"samples": "3"}, "- rss"),
    "heartbeat": Row({}, "done"),
    "enable-events": Row({}, "task events"),
    "disable-events": Row({}, "task events"),
    "rate-limit": Row({"task_name": SLOW, "rate_limit": "10/m"}, "new rate limit set successfully"),
    "soft-time-limit": Row({"task_name": LIMITED, "seconds": "30.5"}, "time limits set successfully"),
    "hard-time-limit": Row({"task_name": LIMITED, "seconds": "60"}, "time limits set successfully"),
    "add-consumer": Row(
        {
            "queue": "typed",
            "exchange": "x-typed",
            "exchange_type": "topic",
            "routing_key": "a.#",
            "options": '{"durable": false}',
        },
        "add consumer typed",
    ),
    "cancel-consumer": Row({"queue": "typed"}, "no longer consuming from typed"),
    "pool-grow": Row({"n": "2"}, "pool will grow"),
    "pool-shrink": Row({"n": "2"}, "pool will shrink"),
    "autoscale": Row({"max": "3", "min": "1"}, "refused: ValueError('Autoscale not enabled')"),
    "pool-restart": Row({"modules": "colorsys", "reload": True}, "reload started"),
    "revoke": Row({"ids": "nobody\nnor-this-one"}, "flagged as revoked"),
    "terminate": Row({"ids": "nobody", "signal": "SIGINT"}, "tasks unknown"),
    "revoke-stamped": Row({"headers": "tenant=7, 8"}, "flagged as revoked"),
    "terminate-stamped": Row({"headers": "tenant=7", "signal": "SIGKILL"}, "were not terminated"),
    "custom-current_level": Row({}, "level"),
    "custom-increase_level": Row({"n": "4"}, "level 5"),
    "shutdown": Row({}, "sent; workers do not answer it"),
}
