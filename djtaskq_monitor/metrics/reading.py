"""What metrics are made of, read from the database once for all families: four statements.

So any number of web processes tell the same, and one that starts anew begins nothing anew.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from django.utils import timezone

from djtaskq.conf import conf
from djtaskq_monitor.models import QueueState, TaskCounter, TaskState, WorkerState
from djtaskq_monitor.statistics import shown
from djtaskq_monitor.statistics.shown import Shown

# More workers than anybody scrapes; more tasks than workers hold at a time.
_MOST_WORKERS = 5_000
_MOST_TASKS = 2_000
_WORKER = ("hostname", "last_heartbeat", "freq", "offline_since", "active", "queues")


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    """One counter. `label` is a queue or a worker; `told` what it shows."""

    kind: str
    name: str
    label: str
    exception: str
    told: Shown


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """A task that a worker has and that has not ended; `prefetched` in seconds, None until it starts."""

    name: str
    worker: str
    prefetched: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Read:
    """Everything. `online` tells of each worker that is worth a word whether it is online."""

    counters: Sequence[Counted]
    workers: Sequence[WorkerState]
    online: dict[str, bool]
    queues: Sequence[QueueState]
    held: Sequence[Held]

    def of(self, kind: str) -> list[Counted]:
        return [each for each in self.counters if each.kind == kind]


def read(now: dt.datetime | None = None) -> Read:
    now = now or timezone.now()
    workers = _workers(now)
    online = {worker.hostname: worker.status(now) == WorkerState.ONLINE for worker in workers}
    rows = TaskCounter.objects.order_by().values_list("kind", "name", "label", "exception", "shown")
    counters = [
        Counted(kind, name, label, exception, shown.read(text))
        for kind, name, label, exception, text in rows
        if kind != TaskCounter.WORKER or not label or label in online
    ]
    queues = list(QueueState.objects.only("name", "length", "consumers"))
    return Read(counters, workers, online, queues, _held(online))


def _workers(now: dt.datetime) -> list[WorkerState]:
    """Those online, and those that went no longer ago than metrics are to tell of them."""
    since = now - dt.timedelta(seconds=conf().MONITOR_METRICS_GONE)
    rows = WorkerState.objects.order_by("-last_heartbeat").only("pk", *_WORKER)[:_MOST_WORKERS]
    return [
        row
        for row in rows
        if row.status(now) == WorkerState.ONLINE or (row.last_heartbeat and row.last_heartbeat >= since)
    ]


def _held(online: dict[str, bool]) -> list[Held]:
    """Of the newest tasks that have not ended, those that a worker that is online has."""
    newest = TaskState.objects.filter(outcome=None).order_by("-first_seen")
    columns = ("name", "worker_id", "received", "started", "eta", "retried")
    held = []
    for name, worker, received, started, eta, retried in newest.values_list(*columns)[:_MOST_TASKS]:
        if received is None or not online.get(worker or "") or (retried and retried >= received):
            continue
        begun = started is not None and started >= received
        # A task with an ETA is held until then on purpose.
        waited = 0.0 if eta or not begun else (started - received).total_seconds()
        held.append(Held(name or "", worker, waited if begun else None))
    return held
