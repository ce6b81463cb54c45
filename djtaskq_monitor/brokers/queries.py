"""What pages ask about queues."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from django.db.models import BigIntegerField, ExpressionWrapper, F, Max
from django.utils import timezone

from djtaskq_monitor.brokers.names import MOST
from djtaskq_monitor.models import QueueSample, QueueState, WorkerState

TREND = dt.timedelta(hours=1)
# So many times as much waits as before: more than comes and goes.
_MUCH = 2
_MINUTE = dt.timedelta(minutes=1)
_MICRO = 1_000_000
# A chart has no more points than about this.
_POINTS = 300
_STEPS = (60, 300, 900, 3_600, 4 * 3_600, 86_400)

Trend = list[float | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Takers:
    """The workers that are online, by the queues they take from; `unknown` are those that did not say."""

    by_queue: Mapping[str, Sequence[WorkerState]]
    unknown: int


@dataclasses.dataclass(frozen=True, slots=True)
class Queue:
    """A queue with who takes from it, and how its length went in the last hour, minute by minute."""

    row: QueueState
    workers: Sequence[WorkerState]
    unknown: int
    trend: Trend = dataclasses.field(default_factory=list)

    @property
    def waiting(self) -> int:
        return self.row.length or 0

    @property
    def abandoned(self) -> bool:
        """Whether nobody takes from it: the broker says so, or all workers that are online do."""
        if self.row.consumers is not None:
            return self.row.consumers == 0
        return not self.workers and not self.unknown

    @property
    def stuck(self) -> bool:
        """Whether messages wait that nobody will take."""
        return self.abandoned and bool(self.row.length)

    @property
    def grows(self) -> bool:
        """Whether it is longer than it was: where nobody takes from it, by any message."""
        known = [value for value in self.trend[: len(self.trend) // 2] if value is not None]
        if self.abandoned:
            known = [value for value in self.trend if value is not None][:-1]
            return bool(known) and self.waiting > min(known)
        return bool(known) and self.waiting > _MUCH * max(known)


def takers() -> Takers:
    """Who takes from which queue; one statement."""
    now = timezone.now()
    by_queue: dict[str, list[WorkerState]] = {}
    unknown = 0
    for worker in WorkerState.objects.filter(offline_since=None).order_by("hostname"):
        if worker.status(now) != WorkerState.ONLINE:
            continue
        unknown += worker.queues is None
        for name in worker.queue_names:
            by_queue.setdefault(name, []).append(worker)
    return Takers(by_queue, unknown)


def queues(term: str = "") -> list[Queue]:
    """All queues whose name has `term` in it, those that need somebody first; two statements, no trends."""
    rows = QueueState.objects.order_by("name")
    rows = rows.filter(name__icontains=term) if term else rows
    known = takers()
    found = [Queue(row, known.by_queue.get(row.name, ()), known.unknown) for row in rows[: 2 * MOST]]
    return sorted(found, key=lambda queue: (not queue.stuck, not queue.row.problem, -queue.waiting))


def with_trends(found: Collection[Queue], now: dt.datetime | None = None) -> list[Queue]:
    """The same queues with their trends; one statement."""
    trends = _trends([queue.row.pk for queue in found], now or timezone.now())
    return [dataclasses.replace(queue, trend=trends.get(queue.row.pk, [])) for queue in found]


def queue(row: QueueState) -> Queue:
    """One queue with its trend; two statements."""
    known = takers()
    (found,) = with_trends([Queue(row, known.by_queue.get(row.name, ()), known.unknown)])
    return found


def _trends(pks: list[int], now: dt.datetime) -> dict[int, Trend]:
    since = now.replace(second=0, microsecond=0) - TREND + _MINUTE
    samples = QueueSample.objects.filter(queue__in=pks, at__gte=since).order_by()
    trends: dict[int, Trend] = {}
    for pk, at, length in samples.values_list("queue_id", "at", "length"):
        trend = trends.setdefault(pk, [None] * (TREND // _MINUTE))
        minute = (at - since) // _MINUTE if at is not None else -1
        if 0 <= minute < len(trend):
            trend[minute] = length
    return trends


def step_of(since: dt.datetime, until: dt.datetime) -> int:
    """The seconds of a point of a chart."""
    length = (until - since).total_seconds()
    return next((step for step in _STEPS if length / step <= _POINTS), _STEPS[-1])


def lengths(
    pks: Collection[int], since: dt.datetime, until: dt.datetime, step: int
) -> dict[int, dict[int, int]]:
    """The most that waited in each period of `step` seconds, by queue and the second at which it begins.

    One statement.
    """
    begins = ExpressionWrapper(F("at") - F("at") % (step * _MICRO), output_field=BigIntegerField())
    samples = QueueSample.objects.filter(queue__in=pks, at__gte=since, at__lt=until).order_by()
    found: dict[int, dict[int, int]] = {pk: {} for pk in pks}
    for pk, at, length in samples.values_list("queue_id", begins).annotate(longest=Max("length")):
        found[pk][at // _MICRO] = length
    return found
