"""Events of tasks that succeed, as the receiver hands them on."""

import uuid
from collections.abc import Iterator
from typing import Any

from tests.emitting import life

WORKER = {"hostname": "celery@one", "utcoffset": 0, "pid": 7, "clock": 1}


def tasks(count: int, now: float) -> Iterator[list[dict[str, Any]]]:
    """The events of each of `count` tasks."""
    for _ in range(count):
        yield [
            {**WORKER, "type": kind, "timestamp": now + number / 10, **fields}
            for number, (kind, fields) in enumerate(life(str(uuid.uuid4())))
        ]
