"""What the rows of declared tasks say now, and where that is not what their entries say."""

import datetime as dt
import functools
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import CharField, F, QuerySet
from django.db.models.functions import Cast
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.declaring.entries import JSON_COLUMNS, Wanted, canonical
from djtaskq_beat.declaring.specs import CRONTAB, MODELS
from djtaskq_beat.models import DeclaredTask

SCHEDULE = "schedule"
_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "interval": ("every", "period"),
    "crontab": (*CRONTAB, "timezone"),
    "solar": ("event", "latitude", "longitude"),
    "clocked": ("clocked_time",),
}


class Installed:
    """The row of an entry, read as plain values: one that cannot be used must not be in others' way."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.pk: int = values["pk"]
        self.name: str = values["name"]
        self.is_declared = values["keep_edits"] is not None
        self.keeps_edits = bool(values["keep_edits"])
        self.removed_at: dt.datetime | None = values["removed_at"]
        self._values = values

    def differences(self, entry: Wanted) -> dict[str, tuple[Any, Any]]:
        """What the row says and what it is to say, by column; `SCHEDULE` stands for that as a whole."""
        found = {
            column: (self._values[column], value)
            for column, value in entry.columns.items()
            if not _equal(column, self._values[column], value)
        }
        schedule = self._schedule()
        if schedule != {entry.spec.kind: dict(entry.spec.columns)}:
            found[SCHEDULE] = (schedule, {entry.spec.kind: dict(entry.spec.columns)})
        return found

    def is_settled(self, entry: Wanted) -> bool:
        """Whether there is nothing to write for `entry`."""
        settled = self.is_declared and self.removed_at is None
        return settled and (self.keeps_edits or not self.differences(entry))

    def _schedule(self) -> dict[str, dict[str, Any]]:
        return {
            kind: {column: self._values[f"{kind}__{column}"] for column in columns}
            for kind, columns in _OF_KIND.items()
            if self._values[f"{kind}_id"] is not None
        }


def installed(names: Collection[str], using: str) -> dict[str, Installed]:
    """The rows of these names; one statement."""
    found = _selection().using(using).filter(name__in=names)
    return {values["name"]: Installed(values) for values in found}


def undeclared(names: Collection[str], using: str) -> QuerySet[DeclaredTask]:
    """What is declared no more: neither removed yet nor to be kept."""
    found = DeclaredTask.objects.using(using).filter(removed_at=None, keep_edits=False)
    return found.exclude(periodic_task__name__in=names).order_by("pk")


@functools.cache
def _selection() -> Any:
    columns = {field.attname for field in PeriodicTask._meta.concrete_fields}
    paths = {f"{kind}__{column}" for kind in MODELS for column in _OF_KIND[kind]} - {"crontab__timezone"}
    tasks = PeriodicTask._default_manager.order_by("pk")
    return tasks.values(
        "pk",
        *columns,
        *paths,
        # Through the field's own converter, a zone that is not known would be an error.
        crontab__timezone=Cast("crontab__timezone", CharField(max_length=63)),
        keep_edits=F("declared_task__keep_edits"),
        removed_at=F("declared_task__removed_at"),
    )


def _equal(column: str, stored: Any, value: Any) -> bool:
    empty = JSON_COLUMNS.get(column)
    if empty is not None:
        return canonical(stored, empty) == canonical(value, empty)
    return bool(stored == value)
