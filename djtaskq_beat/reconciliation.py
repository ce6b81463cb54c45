"""What changed past Django's signals, found by the database itself."""

from django.db.models import Exists, F, OuterRef, TextField
from django.db.models.functions import Cast
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import NextRun
from djtaskq_beat.rows import fingerprint

MOST = 10_000


def reconcile(using: str) -> int:
    """Mark what was added, changed or deleted by other means than `save()`; returns how many rows.

    Three statements, and two more for what they find, at most 10,000 rows at once: whatever is left is
    found the next time. Rows that could not be scheduled are tried again, since what they lacked may lie
    outside of them.
    """
    return _expect_new(using) + _mark_changed(using) + _forget_deleted(using)


def _expect_new(using: str) -> int:
    known = NextRun.objects.using(using).filter(pk=OuterRef("pk"))
    tasks = PeriodicTask._default_manager.using(using).filter(~Exists(known), enabled=True)
    pks = list(tasks.values_list("pk", flat=True)[:MOST])
    if pks:
        NextRun.objects.using(using).expect(pks, just_made=False)
    return len(pks)


def _mark_changed(using: str) -> int:
    planned = NextRun.objects.using(using).filter(changed_at=None).exclude(planned_from="")
    compared = planned.annotate(
        current=fingerprint("periodic_task__"),
        # MariaDB compares no column with an expression that has another collation.
        planned=Cast("planned_from", TextField()),
    )
    differing = compared.exclude(planned=F("current"), error="")
    pks = list(differing.values_list("pk", flat=True)[:MOST])
    if pks:
        NextRun.objects.using(using).filter(pk__in=pks).mark_changed()
    return len(pks)


def _forget_deleted(using: str) -> int:
    task = PeriodicTask._default_manager.using(using).filter(pk=OuterRef("pk"))
    pks = list(NextRun.objects.using(using).filter(~Exists(task)).values_list("pk", flat=True)[:MOST])
    if pks:
        NextRun.objects.using(using).filter(pk__in=pks).delete()
    return len(pks)
