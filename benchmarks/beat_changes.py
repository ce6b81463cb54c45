"""What it costs to see that a schedule changed, and to delete many, over `--size` schedules."""

import statistics
import time

from benchmarks import harness

BULK = 10_000
DELETED = 8_000
BY_SIGNALS = 1_000


def main() -> None:
    options = harness.arguments(__doc__)
    with harness.database(options.database) as (alias, _):
        figures = _figures(alias, options.size, options.rounds)
    print(f"\n{options.size:,} schedules, {options.database}\n\n| what | ms |\n|---|---:|")
    for what, seconds in figures.items():
        print(f"| {what} | {seconds * 1000:,.1f} |")


def _figures(alias, size, rounds):
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    from djtaskq_beat.deletion import delete_tasks
    from djtaskq_beat.reconciliation import Reconciliation, reconcile
    from djtaskq_beat.triggers import TRIGGERS, forget_active

    shared = CrontabSchedule.objects.create(minute="0", timezone="UTC")
    _fill(size, BULK, shared)
    look = Reconciliation(alias)
    look()
    task = PeriodicTask.objects.first()
    figures = {
        "looking for changes by comparing all rows": _median(rounds, lambda: reconcile(alias)),
        "looking for changes by triggers and a sweep": _median(rounds, look),
        "one save, triggers": _median(rounds * 10, lambda: _save(task)),
        f"an edit of a crontab that {BULK:,} share, triggers": _median(rounds, lambda: _shift(shared)),
        f"beat's own counts on {500} rows, triggers": _median(rounds, lambda: _count(500)),
        f"bulk_create of {BULK:,}, triggers": _timed(lambda: _create("with", BULK, shared)),
        f"update of {BULK:,}, triggers": _timed(lambda: _toggle("with")),
        f"deletion of {DELETED:,} in batches": _timed(lambda: delete_tasks(_first("with", DELETED))),
        f"deletion of {BY_SIGNALS:,} by QuerySet.delete()": _timed(
            lambda: _first("with", BY_SIGNALS).delete()
        ),
    }
    TRIGGERS.drop(alias)
    forget_active(alias)
    look()
    figures["one save, receivers"] = _median(rounds * 10, lambda: _save(task))
    figures[f"beat's own counts on {500} rows, none"] = _median(rounds, lambda: _count(500))
    figures[f"bulk_create of {BULK:,}, none"] = _timed(lambda: _create("without", BULK, shared))
    figures[f"update of {BULK:,}, none"] = _timed(lambda: _toggle("without"))
    return figures


def _fill(size, together, shared):
    """`size` periodic tasks as beat has planned them, the first `together` on one crontab."""
    from django.utils import timezone
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    from djtaskq_beat.models import NextRun
    from djtaskq_beat.rows import fingerprint

    others = CrontabSchedule.objects.create(minute="30", timezone="UTC")
    _create("first", min(size, together), shared)
    for start in range(together, size, 50_000):
        _create(f"from {start}", min(50_000, size - start), others)
    later = timezone.now() + timezone.timedelta(days=1)
    NextRun.objects.update(changed_at=None, slot=later, run_at=later)
    for crontab in (shared, others):
        planned = (
            PeriodicTask.objects.filter(crontab=crontab).annotate(text=fingerprint()).values_list("text")
        )
        rows = NextRun.objects.filter(periodic_task__crontab=crontab)
        if found := planned.first():
            rows.update(planned_from=found[0])
    _analyze()


def _analyze():
    from django.db import connections
    from django_celery_beat.models import PeriodicTask

    connection = connections[PeriodicTask.objects.db]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _create(name, count, crontab):
    from django_celery_beat.models import PeriodicTask

    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(name=f"{name} {number}", task="proj.tasks.add", crontab=crontab)
            for number in range(count)
        ],
        batch_size=1_000,
    )


def _first(name, count):
    from django_celery_beat.models import PeriodicTask

    keys = PeriodicTask.objects.filter(name__startswith=f"{name} ").values_list("pk", flat=True)[:count]
    return PeriodicTask.objects.filter(pk__in=list(keys))


def _save(task):
    task.priority = 1 - (task.priority or 0)
    task.save()


def _shift(crontab):
    crontab.minute = str((int(crontab.minute) + 1) % 60)
    crontab.save()


def _toggle(name):
    from django_celery_beat.models import PeriodicTask

    PeriodicTask.objects.filter(name__startswith=f"{name} ").update(one_off=True)


def _count(count):
    from django.db.models import F
    from django.utils import timezone
    from django_celery_beat.models import PeriodicTask

    keys = list(PeriodicTask.objects.order_by("pk").values_list("pk", flat=True)[:count])
    PeriodicTask.objects.filter(pk__in=keys).update(
        last_run_at=timezone.now(), total_run_count=F("total_run_count") + 1
    )


def _timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _median(rounds, work):
    return statistics.median(_timed(work) for _ in range(rounds + 1))


if __name__ == "__main__":
    main()
