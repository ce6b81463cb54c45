"""What failed lately, by the class of the exception and the task: of the newest failures, not of all."""

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable

from celery import states
from django.db.models import F
from django.db.models.functions import Left

from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.models import TaskState

# As many of the newest failures are read.
MOST = 500
# As much of an exception as tells its class and what it says.
_READ = 200
_CLASS = re.compile(r"[A-Za-z_][\w.]*")


@dataclasses.dataclass(slots=True)
class Group:
    """Failures of one task with one class of exception; `said` and `pk` are the newest one's."""

    exception: str
    name: str
    count: int
    newest: dt.datetime | None
    said: str
    pk: int


@dataclasses.dataclass(frozen=True, slots=True)
class Failures:
    """The groups, the largest first; of how many failures, and since when if there were more to read."""

    groups: list[Group]
    read: int
    reaches: dt.datetime | None

    @property
    def all(self) -> bool:
        return self.reaches is None


def failures(span: Span) -> Failures:
    """Failures of tasks first seen in the span; one statement, by the index on outcomes."""
    rows = TaskState.objects.filter(
        outcome=states.FAILURE, first_seen__gte=span.since, first_seen__lt=span.until
    )
    columns = ("pk", "name", "failed", "first_seen")
    found = list(
        rows.order_by("-first_seen")
        .annotate(said=Left(F("exception"), _READ))
        .values_list(*columns, "said")[: MOST + 1]
    )
    read = found[:MOST]
    reaches = read[-1][3] if len(found) > MOST else None
    return Failures(
        grouped((pk, name, failed or seen, said) for pk, name, failed, seen, said in read), len(read), reaches
    )


def grouped(rows: Iterable[tuple[int, str | None, dt.datetime | None, str | None]]) -> list[Group]:
    """Groups of (key, task name, time, exception), which come newest first."""
    groups: dict[tuple[str, str], Group] = {}
    for pk, name, at, said in rows:
        key = exception_class(said or ""), name or ""
        group = groups.get(key)
        if group is None:
            groups[key] = Group(*key, 1, at, said or "", pk)
        else:
            group.count += 1
    return sorted(groups.values(), key=lambda group: -group.count)


def exception_class(said: str) -> str:
    """The name at the beginning of an exception's representation; "" where there is none."""
    found = _CLASS.match(said)
    return found.group() if found else ""
