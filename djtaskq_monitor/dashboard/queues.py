"""Which queues stand on the dashboard, and how long the longest ones were."""

import datetime as dt

from django.db.models import BigIntegerField, ExpressionWrapper, F, Max

from djtaskq_monitor.brokers import queries
from djtaskq_monitor.brokers.queries import Queue
from djtaskq_monitor.models import QueueSample, QueueState

# As many queues have a line on the dashboard: those that need somebody, then the longest.
MOST = 20
_MICRO = 1_000_000


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
    samples = QueueSample.objects.filter(queue__in=list(rows), at__gte=since, at__lt=until).order_by()
    begins = ExpressionWrapper(F("at") - F("at") % (step * _MICRO), output_field=BigIntegerField())
    found: dict[str, dict[int, int]] = {name: {} for name in rows.values()}
    for pk, at, length in samples.values_list("queue_id", begins).annotate(longest=Max("length")):
        found[rows[pk]][at // _MICRO] = length
    return found
