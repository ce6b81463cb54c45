"""A second periodic task like a first."""

from django.db import router, transaction
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import RunPolicy

_OF_THE_FIRST = {"id", "name", "enabled", "last_run_at", "total_run_count", "date_changed"}


def duplicate(task: PeriodicTask) -> PeriodicTask:
    """Save a disabled copy of `task` and of its policy, without its pause, under a name of its own."""
    fields = [field for field in task._meta.concrete_fields if field.name not in _OF_THE_FIRST]
    copy = PeriodicTask(
        name=_free_name(task.name),
        enabled=False,
        **{field.attname: getattr(task, field.attname) for field in fields},
    )
    with transaction.atomic(using=router.db_for_write(PeriodicTask)):
        copy.save()
        policy = RunPolicy.objects.filter(pk=task.pk).first()
        if policy is not None:
            policy.pk = copy.pk
            policy.paused_until = None
            policy.save(force_insert=True)
    return copy


def _free_name(name: str) -> str:
    """As in “name (copy)”, “name (copy 2)”, within the column's length."""
    longest = PeriodicTask._meta.get_field("name").max_length or 200
    number = 1
    while True:
        ending = " (copy)" if number == 1 else f" (copy {number})"
        candidate = name[: longest - len(ending)] + ending
        if not PeriodicTask._default_manager.filter(name=candidate).exists():
            return candidate
        number += 1
