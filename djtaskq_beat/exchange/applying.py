"""An import written: all of it or nothing, in few statements, and only the rows that differ."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from django.db import IntegrityError
from django.db.models import CharField
from django.db.models.functions import Cast
from django.utils import timezone
from django_celery_beat import models as theirs

from djtaskq.db.claims import writing
from djtaskq.db.upsert import Incoming, Upsert
from djtaskq_beat.deletion import delete_tasks
from djtaskq_beat.errors import ChangedMeanwhile
from djtaskq_beat.exchange.entries import CRONTAB, POLICY, Entry
from djtaskq_beat.exchange.planning import Change, Plan
from djtaskq_beat.exchange.rules import MODELS, WRITTEN, schedule_row_of, task_of
from djtaskq_beat.instants import aware
from djtaskq_beat.models import NextRun, RunPolicy
from djtaskq_beat.timetable import KINDS

BATCH = 500
_POLICIES = Upsert(RunPolicy, key=["periodic_task"], assign={name: Incoming(name) for name in POLICY})
_COLUMNS: dict[str, tuple[str, ...]] = {
    "interval": ("every", "period"),
    "crontab": (*CRONTAB, "zone"),
    "solar": ("event", "latitude", "longitude"),
    "clocked": ("clocked_time",),
}
Spec = tuple[Any, ...]


def apply(
    found: Plan, using: str, *, delete: bool = False, advance: Callable[[int], object] = lambda _: None
) -> None:
    """Write what was planned; what is missing is deleted or disabled. Raises `ChangedMeanwhile`.

    The next look of a beat sees it, as if each row had been saved; Django's signals are not sent.
    """
    try:
        with writing(using):
            changes = [*found.created, *found.changed]
            keys = {kind: _keys(kind, changes, using) for kind in KINDS}
            for batch in _batched(changes):
                _write(batch, keys, using)
                advance(len(batch))
            for gone in _batched(found.missing):
                tasks = theirs.PeriodicTask._default_manager.using(using).filter(
                    pk__in=[pk for _, pk in gone]
                )
                (delete_tasks if delete else _disable)(tasks)
                advance(len(gone))
            if changes or found.missing:
                theirs.PeriodicTasks.update_changed()
    except IntegrityError as error:
        raise ChangedMeanwhile from error


def _write(batch: Sequence[Change], keys: dict[str, dict[Spec, int]], using: str) -> None:
    tasks = theirs.PeriodicTask._default_manager.using(using)
    made = [_row(change, keys) for change in batch if change.pk is None]
    tasks.bulk_create(made)
    # Not every database says which keys it gave out.
    names = [task.name for task in made]
    pks = dict(tasks.filter(name__in=names).values_list("name", "pk")) if names else {}
    changed = [_row(change, keys) for change in batch if change.pk is not None]
    if changed:
        there = tasks.filter(pk__in=[task.pk for task in changed]).select_for_update().values_list("pk")
        if len(there) != len(changed):
            raise ChangedMeanwhile
        tasks.bulk_update(changed, [*WRITTEN, *KINDS, "date_changed"], batch_size=100)
    _write_policies(batch, pks, using)
    rows = NextRun.objects.using(using)
    rows.filter(pk__in=[task.pk for task in changed]).mark_changed()
    rows.expect([pks[task.name] for task in made if task.enabled], just_made=True)
    rows.expect([task.pk for task in changed if task.enabled], just_made=True)


def _row(change: Change, keys: dict[str, dict[Spec, int]]) -> theirs.PeriodicTask:
    task = task_of(change.name, change.entry)
    task.pk = change.pk
    task.date_changed = timezone.now()
    for kind in KINDS:
        spec = _wanted(kind, change.entry)
        setattr(task, f"{kind}_id", None if spec is None else keys[kind][spec])
    return task


def _write_policies(batch: Sequence[Change], made: dict[str, int], using: str) -> None:
    differing = [change for change in batch if any(name == "policy" for name, _, _ in change.fields)]
    policies = [
        RunPolicy(periodic_task_id=change.pk or made[change.name], **change.entry.get("policy", {}))
        for change in differing
    ]
    if policies:
        _POLICIES.write(policies, using=using)


def _disable(tasks: Any) -> None:
    pks = list(tasks.values_list("pk", flat=True))
    # A schedule that is off has not run, by django-celery-beat's own rule.
    tasks.update(enabled=False, last_run_at=None, date_changed=timezone.now())
    NextRun.objects.using(tasks.db).filter(pk__in=pks).mark_changed()


def _keys(kind: str, changes: Iterable[Change], using: str) -> dict[Spec, int]:
    """The rows that say what the entries want, by what they say; made where there is none."""
    wanted = {spec: change.entry for change in changes if (spec := _wanted(kind, change.entry)) is not None}
    found = _existing(kind, wanted, using) if wanted else {}
    lacking = [schedule_row_of(kind, entry) for spec, entry in wanted.items() if spec not in found]
    if lacking:
        MODELS[kind]._default_manager.using(using).bulk_create(lacking, batch_size=BATCH)
        found = _existing(kind, wanted, using)
    return found


def _existing(kind: str, wanted: Collection[Spec], using: str) -> dict[Spec, int]:
    rows: Any = MODELS[kind]._default_manager.using(using).order_by("pk")
    if kind == "crontab":
        rows = rows.annotate(zone=Cast("timezone", CharField(max_length=63)))
    found: dict[Spec, int] = {}
    for pk, *values in rows.values_list("pk", *_COLUMNS[kind]).iterator(chunk_size=10_000):
        spec = _canonical(kind, values)
        if spec in wanted:
            found.setdefault(spec, pk)
    return found


def _wanted(kind: str, entry: Entry) -> Spec | None:
    if kind not in entry:
        return None
    if kind == "crontab":
        return _canonical(kind, [*entry["crontab"].split(), entry["timezone"]])
    row = schedule_row_of(kind, entry)
    return _canonical(kind, [getattr(row, name) for name in _COLUMNS[kind]])


def _canonical(kind: str, values: Sequence[Any]) -> Spec:
    if kind == "crontab":
        return tuple("".join(value.split()) for value in values)
    if kind == "clocked":
        return (aware(values[0]),)
    return (values[0], *map(float, values[1:])) if kind == "solar" else tuple(values)


def _batched(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
