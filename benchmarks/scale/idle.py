"""A tick with nothing due, in this process: the time of a real one without that of starting it."""

import statistics
import time

from django.db import connections

from benchmarks.scale.app import app
from benchmarks.scale.figures import Costs
from djtaskq_beat.schedulers import DatabaseScheduler

# The first ones do what a beat does beside publishing, each thing once.
_WARM = 50
_TICKS = 200


def measure(alias: str, size: int) -> Costs:
    counts: list[int] = []

    def counted(execute, sql, params, many, context):
        counts[-1] += 1
        return execute(sql, params, many, context)

    scheduler = DatabaseScheduler(app=app)
    times = []
    try:
        with connections[alias].execute_wrapper(counted):
            for _ in range(_WARM + _TICKS):
                counts.append(0)
                start = time.perf_counter()
                scheduler.tick()
                times.append(time.perf_counter() - start)
    finally:
        scheduler.close()
    return Costs(size=size, ticks=times[_WARM:], statements=statistics.median(counts[_WARM:]))
