"""What brokers tell, into the tables.

Cameras that ask at once do no harm: the later answer stands, and of a minute the greatest length.
"""

import datetime as dt
import functools
from collections.abc import Mapping
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.db.models.lookups import GreaterThan

from djtaskq.db.anyof import AnyOf
from djtaskq.db.text import storable
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_monitor.brokers.figures import Figures
from djtaskq_monitor.models import QueueSample, QueueState, TaskState

_TOLD = ("length", "unacked", "consumers", "oldest", "told")
_PROBLEM = 500


def write(answers: Mapping[str, Figures], at: dt.datetime, *, using: str) -> None:
    """Write what was told at `at`; four statements, and one more where an answer names tasks."""
    sent = _sent([head for figures in answers.values() for head in figures.heads], using)
    told = {name: figures for name, figures in answers.items() if not figures.problem}
    rows = [_row(name, figures, at, sent) for name, figures in told.items()]
    _upsert(telling=True).write(rows, using=using)
    fail({name: figures.problem for name, figures in answers.items() if figures.problem}, at, using=using)
    _write_samples({name: figures.length for name, figures in told.items()}, at, using)


def fail(problems: Mapping[str, str], at: dt.datetime, *, using: str) -> None:
    """The broker told nothing of these queues; what it told before stays."""
    rows = [
        QueueState(name=name, asked=at, problem=storable(problem, _PROBLEM))
        for name, problem in problems.items()
    ]
    _upsert(telling=False).write(rows, using=using)


def _row(name: str, figures: Figures, at: dt.datetime, sent: Mapping[str, dt.datetime]) -> QueueState:
    known = [sent[head] for head in figures.heads if head in sent]
    oldest = figures.oldest or min(known, default=None)
    return QueueState(
        name=name,
        length=figures.length,
        unacked=figures.unacked,
        consumers=figures.consumers,
        oldest=oldest,
        told=at,
        asked=at,
    )


def _sent(task_ids: list[str], using: str) -> dict[str, dt.datetime]:
    """When these were sent, by their events: most messages do not tell."""
    if not task_ids:
        return {}
    rows = TaskState.objects.using(using).filter(AnyOf("task_id", task_ids)).order_by()
    return {task_id: sent for task_id, sent in rows.values_list("task_id", "sent") if sent}


def _write_samples(lengths: Mapping[str, int | None], at: dt.datetime, using: str) -> None:
    known = {name: length for name, length in lengths.items() if length is not None}
    if not known:
        return
    rows = QueueState.objects.using(using).filter(AnyOf("name", list(known))).order_by()
    minute = at.replace(second=0, microsecond=0)
    samples = [
        QueueSample(queue_id=pk, at=minute, length=known[name]) for pk, name in rows.values_list("pk", "name")
    ]
    _samples().write(samples, using=using)


@functools.cache
def _upsert(*, telling: bool) -> Upsert:
    columns = ("asked", "problem", *(_TOLD if telling else ()))
    later = Q(asked=None) | Q(GreaterThan(Incoming("asked"), F("asked")))
    return Upsert(QueueState, key=["name"], assign={name: Incoming(name) for name in columns}, guard=later)


@functools.cache
def _samples() -> Upsert:
    assign: dict[str, Any] = {"length": Greatest(F("length"), Incoming("length"))}
    return Upsert(QueueSample, key=["queue", "at"], assign=assign)
