"""How long the queues are, and how that went."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from django.db.models import BigIntegerField, ExpressionWrapper, F, Max
from django.utils import timezone

from djtaskq_monitor.models import QueueSample, QueueState

# As many queues have a line on the dashboard, the longest first.
MOST = 20
TREND = dt.timedelta(hours=1)
_MICRO = 1_000_000
_MINUTE = dt.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A queue, and the most that waited in it in each minute of the last hour; None where nobody asked."""

    row: QueueState
    trend: list[float | None]

    @property
    def kind(self) -> str:
        """Colour, of the state that it is in: `bad` where messages wait and nobody takes them."""
        return "bad" if self.idle else "running"

    @property
    def idle(self) -> bool:
        return bool(self.row.length) and self.row.consumers == 0

    @property
    def grows(self) -> bool:
        """Whether more waits now than at any time in the first half of the hour."""
        half = [value for value in self.trend[: len(self.trend) // 2] if value is not None]
        return bool(self.row.length and half and self.row.length > 2 * max(half))


def lines(now: dt.datetime | None = None) -> tuple[list[Line], int]:
    """The longest queues with their trends, and how many queues there are; three statements."""
    now = now or timezone.now()
    rows = list(QueueState.objects.order_by(F("length").desc(nulls_last=True), "name")[:MOST])
    since = now.replace(second=0, microsecond=0) - TREND + _MINUTE
    samples = QueueSample.objects.filter(queue__in=[row.pk for row in rows], at__gte=since) if rows else ()
    trends: dict[int, list[float | None]] = {}
    for sample in samples:
        trend = trends.setdefault(sample.queue_id, [None] * (TREND // _MINUTE))
        minute = (sample.at - since) // _MINUTE if sample.at else -1
        if 0 <= minute < len(trend):
            trend[minute] = sample.length
    number = QueueState.objects.count() if len(rows) == MOST else len(rows)
    return [Line(row, trends.get(row.pk, [])) for row in rows], number


def lengths(
    since: dt.datetime, until: dt.datetime, step: int, most: int
) -> tuple[Sequence[str], dict[str, dict[int, int]]]:
    """The most that waited in each period of `step` seconds, by queue and the second at which it begins.

    Of the `most` longest queues; one statement more than to find these.
    """
    rows = dict(
        QueueState.objects.order_by(F("length").desc(nulls_last=True), "name").values_list("pk", "name")[
            :most
        ]
    )
    samples = QueueSample.objects.filter(queue__in=list(rows), at__gte=since, at__lt=until).order_by()
    begins = ExpressionWrapper(F("at") - F("at") % (step * _MICRO), output_field=BigIntegerField())
    found: dict[str, dict[int, int]] = {name: {} for name in rows.values()}
    for pk, at, length in samples.values_list("queue_id", begins).annotate(longest=Max("length")):
        found[rows[pk]][at // _MICRO] = length
    return list(rows.values()), found
