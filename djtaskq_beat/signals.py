"""A save or a delete through the ORM is seen at the next tick: it marks the rows it concerns.

These receivers stand in for the triggers where a database has none, and do nothing where it has. The mark is
written in the caller's own transaction, so that beat sees both or neither. Fixtures (`raw`) mark too: that
touches no row but ours, and needs none of theirs.
"""

from collections.abc import Collection
from typing import Any

from django.db.models.signals import post_delete, post_save

# Saving none but these changes no slot; django-celery-beat's own scheduler does.
_NOT_PLANNED = {"last_run_at", "total_run_count", "date_changed", "description"}


def connect() -> None:
    from django_celery_beat import models as theirs

    from djtaskq_beat.models import RunPolicy

    post_save.connect(task_saved, sender=theirs.PeriodicTask, dispatch_uid="djtaskq_beat.task")
    for model, path in (
        (theirs.IntervalSchedule, "interval"),
        (theirs.CrontabSchedule, "crontab"),
        (theirs.SolarSchedule, "solar"),
        (theirs.ClockedSchedule, "clocked"),
    ):
        post_save.connect(_Shared(path), sender=model, weak=False, dispatch_uid=f"djtaskq_beat.{path}")
    for signal in (post_save, post_delete):
        signal.connect(policy_changed, sender=RunPolicy, dispatch_uid="djtaskq_beat.policy")


def task_saved(
    *,
    instance: Any,
    using: str,
    created: bool,
    update_fields: Collection[str] | None,
    **_signal: Any,
) -> None:
    from djtaskq_beat.models import NextRun
    from djtaskq_beat.triggers import active

    if (update_fields is not None and _NOT_PLANNED.issuperset(update_fields)) or active(using):
        return
    rows = NextRun.objects.using(using)
    if (created or not rows.filter(pk=instance.pk).mark_changed()) and instance.enabled:
        rows.expect([instance.pk], just_made=True)


class _Shared:
    """Receiver for a schedule's row: one UPDATE marks every periodic task that uses it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, *, instance: Any, using: str, created: bool, **_signal: Any) -> None:
        from djtaskq_beat.models import NextRun
        from djtaskq_beat.triggers import active

        if not created and not active(using):
            rows = NextRun.objects.using(using)
            rows.filter(**{f"periodic_task__{self._path}": instance.pk}).mark_changed()


def policy_changed(*, instance: Any, using: str, **_signal: Any) -> None:
    from djtaskq_beat.models import NextRun
    from djtaskq_beat.triggers import active

    if not active(using):
        NextRun.objects.using(using).filter(pk=instance.pk).mark_changed()
