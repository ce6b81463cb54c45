"""Which queues stand on the dashboard, and how long the longest ones were."""

import datetime as dt

from django.db.models import F

from djtaskq_monitor.brokers import queries
from djtaskq_monitor.brokers.queries import Queue
from djtaskq_monitor.models import QueueState

# As many queues have a line on the dashboard: those that need somebody, then the longest.
MOST = 20


def lines() -> tuple[list[Queue], int]:
    """The queues that are shown, with their trends, and how many are known; three statements."""
    known = queries.queues()
    return queries.with_trends(known[:MOST]), len(known)


def lengths(since: dt.datetime, until: dt.datetime, step: int, most: int) -> dict[str, dict[int, int]]:
    """The most that waited in each period of `step` seconds, by queue and the second at which it begins.

    Of the `most` longest queues at present; two statements.
    """
    longest = QueueState.objects.order_by(F("length").desc(nulls_last=True), "name")
    rows = dict(longest.values_list("pk", "name")[:most])
    found = queries.lengths(list(rows), since, until, step)
    return {name: found[pk] for pk, name in rows.items()}
