"""Workers are asked which queues they take tasks from: their events do not tell."""

import datetime as dt
import itertools
import time
from collections.abc import Iterator
from typing import NamedTuple

from celery import Celery
from django.utils import timezone

from djtaskq.db.fields import to_microseconds
from djtaskq_monitor.control.asking import Kind, Question, ask
from djtaskq_monitor.models import WorkerState
from djtaskq_monitor.recording import given

# What a worker said is believed for so long; it is asked at once when it comes up anew.
BELIEVED = dt.timedelta(minutes=5)
# A worker that did not answer is asked again after two seconds (it may just be starting), then after twice
# as many, up to this.
_PATIENCE = 60.0
# So many are asked at once, and get so many seconds to answer.
_AT_ONCE = 100
_SECONDS = 2.0


class Asked(NamedTuple):
    """The process that was asked, when by the monotonic clock, and how often in vain."""

    pid: int | None
    at: float
    silent: int

    @property
    def patient(self) -> bool:
        """Whether it is too early to ask once more."""
        return time.monotonic() - self.at < min(_PATIENCE, 2.0**self.silent)


class Workers:
    """Keeps in mind whom it asked, so that one that never answers is not asked with every turn."""

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}

    def ask(self, app: Celery, *, using: str) -> int:
        """Ask those that nobody asked lately, and write what they say; how many answered.

        Raises `control.asking.ControlError` where the broker is away or has no broadcast.
        """
        if not app.conf.worker_enable_remote_control:
            return 0
        names = list(self._to_ask(using))
        if not names:
            return 0
        at = timezone.now()
        (answers,) = ask(app, Question(method="active_queues"), names, seconds=_SECONDS)
        changes = [
            given.worker_queues(answer.worker, _queues(answer.value), at)
            for answer in answers
            if answer.kind is Kind.ANSWERED and isinstance(answer.value, list) and answer.worker in names
        ]
        for answer in answers:
            asked = self._asked.get(answer.worker)
            if answer.kind is not Kind.SILENT and asked is not None:
                self._asked[answer.worker] = Asked(asked.pid, asked.at, silent=0)
        if changes:
            WorkerState.objects.using(using).merge(changes)
        return len(changes)

    def _to_ask(self, using: str) -> Iterator[str]:
        now = timezone.now()
        columns = ("hostname", "pid", "freq", "last_heartbeat", "offline_since", "queues_key")
        workers = WorkerState.objects.using(using).filter(offline_since=None).order_by("queues_key")
        alive = [worker for worker in workers.only(*columns) if worker.status(now) == WorkerState.ONLINE]
        names = {worker.hostname for worker in alive}
        self._asked = {name: asked for name, asked in self._asked.items() if name in names}
        due = (worker for worker in alive if self._due(worker, to_microseconds(now - BELIEVED)))
        for worker in itertools.islice(due, _AT_ONCE):
            before = self._asked.get(worker.hostname)
            times = before.silent if before and before.pid == worker.pid else 0
            self._asked[worker.hostname] = Asked(worker.pid, time.monotonic(), times + 1)
            yield worker.hostname

    def _due(self, worker: WorkerState, outdated: int) -> bool:
        asked = self._asked.get(worker.hostname)
        if asked is not None and asked.pid != worker.pid:
            return True
        return worker.queues_key < outdated and not (asked and asked.patient)


def _queues(said: list[object]) -> list[str]:
    names = [queue.get("name") for queue in said if isinstance(queue, dict)]
    return [name for name in names if isinstance(name, str)]
