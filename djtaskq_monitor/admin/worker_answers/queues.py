"""The tab with the queues that a worker consumes from."""

from typing import Any

from djtaskq.redactor import redactor
from djtaskq_monitor.admin.worker_answers.facts import Shown, words_of


def queues(told: Any) -> Shown:
    rows = []
    for queue in told or ():
        exchange = queue.get("exchange") or {}
        more = {
            name: value
            for name, value in queue.items()
            if name not in {"name", "exchange", "routing_key"} and value not in (None, [], {}, "")
        }
        rows.append(
            {
                "name": queue.get("name"),
                "exchange": exchange.get("name"),
                "type": exchange.get("type"),
                "routing_key": queue.get("routing_key"),
                "more": ", ".join(
                    f"{words_of(name)}: {redactor().value(value)}" for name, value in more.items()
                ),
            }
        )
    return {"rows": rows}
