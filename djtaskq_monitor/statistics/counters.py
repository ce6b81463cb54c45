"""Counters for metrics, out of what cameras counted: as many as the settings allow, and none that falls.

Statistics are deleted as they grow old, and sums of what is left would fall. So counters are rows of their
own, added to as fresh statistics are summed up. Those that were there first keep their names.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from djtaskq.conf import conf
from djtaskq.db.features import features
from djtaskq.db.upsert import MOST_ROWS, Incoming, Upsert
from djtaskq_monitor.models import WorkerState
from djtaskq_monitor.statistics import shown
from djtaskq_monitor.statistics.labels import OTHER
from djtaskq_monitor.statistics.models import TaskCounter
from djtaskq_monitor.statistics.tally import STATES, Cell, Tally

_FAILED = STATES.index("failed")
_TAKE = Upsert(TaskCounter, key=("digest",), assign={"at": F("at")})
_REPLACE = Upsert(
    TaskCounter, key=("digest",), assign={name: Incoming(name) for name in ("counted", "shown", "at")}
)


class Key(NamedTuple):
    """Whose counter; `label` is a queue or a worker, as the kind says."""

    kind: str
    name: str
    label: str
    exception: str = ""

    @property
    def digest(self) -> str:
        return hashlib.md5("\0".join(self).encode(), usedforsecurity=False).hexdigest()

    def row(self, digest: str, now: dt.datetime) -> TaskCounter:
        kind, name, label, exception = self
        return TaskCounter(digest=digest, at=now, kind=kind, name=name, label=label, exception=exception)


def add(tally: Tally, using: str) -> None:
    """Add to the counters what was counted; in the transaction that takes it from the fresh statistics."""
    sums: dict[Key, Cell] = {}
    for label, _minute, cell in tally:
        for key, part in _parts(label.name, label.queue, label.worker, cell):
            sums.setdefault(key, Cell()).add(part)
    admitted: dict[Key, Cell] = {}
    for key, known in _admitted(sums, using).items():
        admitted.setdefault(known, Cell()).add(sums[key])
    digests = {key.digest: key for key in admitted}
    ordered = sorted(digests)
    for start in range(0, len(ordered), MOST_ROWS):
        part_of = {digest: digests[digest] for digest in ordered[start : start + MOST_ROWS]}
        _write({digest: (key, admitted[key]) for digest, key in part_of.items()}, using)


def gone(now: dt.datetime, using: str) -> QuerySet[TaskCounter]:
    """Counters of names that nobody counts any more, and of workers that are forgotten."""
    old = _before(now, conf().MONITOR_METRICS_EXPIRE)
    silent = _before(now, conf().MONITOR_WORKER_EXPIRE)
    conditions = Q(at__lt=old) if old else Q(pk__in=())
    if silent:
        forgotten = ~Exists(WorkerState.objects.using(using).filter(hostname=OuterRef("label")))
        conditions |= Q(forgotten, ~Q(label=""), kind=TaskCounter.WORKER, at__lt=silent)
    return TaskCounter.objects.using(using).filter(conditions)


def _before(now: dt.datetime, seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else now - dt.timedelta(seconds=seconds)


def _parts(name: str, queue: str, worker: str, cell: Cell) -> Iterator[tuple[Key, Cell]]:
    yield Key(TaskCounter.QUEUE, name, queue), cell
    yield Key(TaskCounter.WORKER, name, worker), cell
    for exception, count in cell.exceptions.items():
        failed = Cell()
        failed.states[_FAILED] = count
        yield Key(TaskCounter.EXCEPTION, name, queue, exception), failed


def _admitted(keys: Iterable[Key], using: str) -> dict[Key, Key]:
    """Keys as they are counted: beyond the limit of their kind, all names together."""
    wanted = {key: key.digest for key in sorted(keys)}
    rows = TaskCounter.objects.using(using).order_by()
    known = set(rows.filter(digest__in=list(wanted.values())).values_list("digest", flat=True))
    room: dict[str, int] = {}
    admitted = {}
    for key, digest in wanted.items():
        if digest not in known:
            if key.kind not in room:
                room[key.kind] = conf().MONITOR_METRICS_SERIES - rows.filter(kind=key.kind).count()
            room[key.kind] -= 1
        fits = digest in known or room[key.kind] >= 0
        admitted[key] = key if fits else _other(key)
    return admitted


def _other(key: Key) -> Key:
    """A worker still leaves with what is counted of it."""
    if key.kind == TaskCounter.WORKER:
        return Key(key.kind, OTHER, key.label)
    return Key(key.kind, OTHER, OTHER, OTHER if key.exception else "")


def _write(found: Mapping[str, tuple[Key, Cell]], using: str) -> None:
    now = timezone.now()
    rows = {digest: key.row(digest, now) for digest, (key, _cell) in found.items()}
    for digest, counted, told in _taken(list(rows.values()), using):
        cell, risen = shown.read_cell(counted), shown.read(told)
        cell.add(found[digest][1])
        risen.rise(cell)
        rows[digest].counted, rows[digest].shown = shown.write_cell(cell), shown.write(risen)
    _REPLACE.write(list(rows.values()), using=using)


def _taken(rows: Sequence[TaskCounter], using: str) -> Iterable[tuple[str, str, str]]:
    """What stands in these counters, which nobody else changes from now on."""
    columns = ("digest", "counted", "shown")
    if features(using).returning_upsert:
        return _TAKE.write(rows, using=using, returning=columns)
    _TAKE.write(rows, using=using)
    found = TaskCounter.objects.using(using).filter(digest__in=[row.digest for row in rows])
    return found.values_list(*columns)
