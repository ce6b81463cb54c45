"""Changes into the table of tasks, and into the statistics what they make different.

A write reads the rows, merges, upserts, and counts the difference, all in one transaction. Nobody has to wait
for a row that was only read. Each row counts its writes, and the upsert tells where that number has come to:
if somebody else wrote a row since it was read, all is undone and done again.

The rows are right even where that is given up: the upsert merges by itself. Only statistics are then off.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import DatabaseError, connections, models
from django.db.models import BigIntegerField, ExpressionWrapper, F
from django.db.models.functions import Left

from djtaskq.conf import conf
from djtaskq.db.claims import writing
from djtaskq.db.features import features
from djtaskq.db.fields import InstantField
from djtaskq.db.retry import Cause, cause
from djtaskq.db.upsert import Upsert
from djtaskq_monitor.recording import given
from djtaskq_monitor.recording.events import Change
from djtaskq_monitor.recording.merge import TASK
from djtaskq_monitor.statistics.contributions import COLUMNS, EXCEPTION_READ, add_difference
from djtaskq_monitor.statistics.models import FreshStatistics
from djtaskq_monitor.statistics.tally import Tally

_ATTEMPTS = 10
# What the merge goes by, and what is counted.
_COLUMNS = ("rank", "described", "error_key", *COLUMNS)

Make = Callable[[Change], models.Model]


def write(changes: Sequence[Change], upsert: Upsert, make: Make, *, using: str) -> None:
    """Merge `changes`, to different tasks, into their rows: all of them, or none.

    `make` makes a row of a change.
    """
    for left in reversed(range(_ATTEMPTS)):
        try:
            with writing(using):
                _write(changes, upsert, make, using, checked=left > 0)
        except _Overtaken:
            continue
        except DatabaseError as error:
            if not left or cause(error) is not Cause.CONFLICT or connections[using].in_atomic_block:
                raise
            continue
        return


class _Overtaken(Exception):
    """A row was not what had been read."""


def _write(changes: Sequence[Change], upsert: Upsert, make: Make, using: str, *, checked: bool) -> None:
    model = upsert.rules.model
    before = _read(model, [change[TASK.key] for change in changes], using)
    counting = conf().MONITOR_STATISTICS
    tally = Tally()
    rows: list[Any] = []
    for change in changes:
        held = before.get(change[TASK.key])
        after = dict(change) if held is None else _merged(held, change)
        if counting:
            add_difference(tally, held, after)
        rows.append(make(change | {"repeats": after.get("repeats")}))
    written = _upserted(upsert, rows, using)
    counted = tally.write()
    if counted:
        FreshStatistics.objects.using(using).create(body=counted)
    if checked and any(
        # None of a row whose key is another one: what differs in case alone may be the same to a database.
        written.get(row.task_id) not in {None, before.get(row.task_id, {}).get("writes", 0) + 1}
        for row in rows
    ):
        raise _Overtaken


def _merged(held: Change, change: Change) -> Change:
    after = dict(held)
    TASK.merge(after, change)
    return after


def _read(model: type[models.Model], task_ids: Sequence[str], using: str) -> dict[str, Change]:
    """The rows as changes, without what is not known."""
    rows = model._default_manager.using(using).filter(task_id__in=task_ids).order_by()
    found: dict[str, Change] = {}
    for task_id, writes, *values in rows.values_list("task_id", "writes", *_as_stored(model)):
        held = {name: value for name, value in zip(_COLUMNS, values, strict=True) if value is not None}
        if "eta" in held:
            held["eta"] = given.instant(held["eta"])
        found[task_id] = held | {"writes": writes}
    return found


def _as_stored(model: type[models.Model]) -> Iterable[Any]:
    """The columns to be read; instants as the numbers that they are stored as, as changes have them."""
    for name in _COLUMNS:
        if isinstance(model._meta.get_field(name), InstantField):
            yield ExpressionWrapper(F(name), output_field=BigIntegerField())
        elif name == "exception":
            yield Left(name, EXCEPTION_READ)
        else:
            yield name


def _upserted(upsert: Upsert, rows: Sequence[models.Model], using: str) -> dict[str, int]:
    """Write the rows; how often each was written by now."""
    if features(using).returning_upsert:
        return dict(upsert.write(rows, using=using, returning=("task_id", "writes")))
    upsert.write(rows, using=using)
    model: Any = upsert.rules.model
    task_ids = [row.task_id for row in rows]  # type: ignore[attr-defined]
    return dict(model.objects.using(using).filter(task_id__in=task_ids).values_list("task_id", "writes"))
