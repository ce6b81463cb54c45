"""How many requests a caller may make, counted in Django's cache by the minute.

Each process counts for itself where the cache is one process's own (Django's default).
"""

import time
from http import HTTPStatus

from django.core.cache import cache

from djtaskq_monitor.api.errors import ApiError

WINDOW = 60


def spend(caller: str, most: int) -> None:
    """Count a request of this caller; raises an `ApiError` once there were `most` in this minute."""
    now = int(time.time())
    name = f"djtaskq:api:{caller}:{now // WINDOW}"
    cache.add(name, 0, 2 * WINDOW)
    try:
        count = cache.incr(name)
    except ValueError:  # a cache that keeps nothing
        return
    if count > most:
        wait = WINDOW - now % WINDOW
        raise ApiError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"More than {most} requests in a minute: try again in {wait} s.",
            {"Retry-After": str(wait)},
        )
