"""Whether the dashboard would look the same: asked by every viewer every few seconds."""

from typing import Any

from django.db.models import Count, Max

from djtaskq import vitals
from djtaskq.admin.live import every
from djtaskq.vitals import Vital
from djtaskq_monitor.dashboard.memory import remembered
from djtaskq_monitor.models import FreshStatistics, QueueState
from djtaskq_monitor.statistics.labels import ALL, digest
from djtaskq_monitor.statistics.models import TaskStatistics
from djtaskq_monitor.statistics.tally import Label

# Spans end now: what they leave behind is seen as often.
_MOVES = 60
_ALL = digest(Label(ALL, ALL, ALL))


def fingerprint() -> Any:
    """Worked out once in two seconds for all viewers of a process."""
    return remembered(
        "fingerprint",
        lambda: (counted(), [_told(vital) for vital in known_vitals()], _queues(), every(_MOVES)),
    )


def counted() -> Any:
    """What changes whenever anything is counted; two statements, each by an index.

    The sums of the last two days, so that what was counted and summed up between two looks is seen too.
    """
    fresh = FreshStatistics.objects.aggregate(newest=Max("pk"), number=Count("pk"))
    days = TaskStatistics.objects.filter(series__digest=_ALL, resolution=TaskStatistics.DAY).order_by("-at")
    columns = ("at", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected")
    return fresh, list(days.values_list(*columns)[:2])


def known_vitals() -> list[Vital]:
    return remembered("vitals", vitals.vitals)


def _queues() -> Any:
    return list(
        QueueState.objects.order_by("pk").values_list("name", "length", "consumers", "oldest", "problem")[
            :100
        ]
    )


def _told(vital: Vital) -> Any:
    """Without figures that change with each look."""
    return vital.name, vital.level, vital.said
