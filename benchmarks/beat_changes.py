"""What it costs to see that a schedule changed, and to delete many, over `--size` schedules."""

import statistics
import time

from benchmarks import harness

MANY = 10_000
BY_SIGNALS = 1_000


def main() -> None:
    options = harness.arguments(__doc__)
    many = min(MANY, options.size)
    with harness.database(options.database) as (alias, _):
        ours, others = _measured(alias, options.size, many, options.rounds)
    print(f"\n{options.size:,} schedules, {options.database}, milliseconds\n")
    print("| what | djtaskq | without triggers |\n|---|---:|---:|")
    for what, seconds in ours.items():
        other = f"{others[what] * 1000:,.1f}" if what in others else "–"
        print(f"| {what} | {seconds * 1000:,.1f} | {other} |")


def _measured(alias, size, many, rounds):
    from django_celery_beat.models import CrontabSchedule

    from djtaskq_beat.deletion import delete_tasks
    from djtaskq_beat.reconciliation import Reconciliation
    from djtaskq_beat.triggers import TRIGGERS, forget_active

    shared = CrontabSchedule.objects.create(minute="0", timezone="UTC")
    _fill(size, many, shared)
    look = Reconciliation(alias)
    ours = _edits("ours", look, shared, many, rounds)
    some = min(BY_SIGNALS, many // 4)
    # Many more take QuerySet.delete() minutes: the time for each grows with their number.
    others = {f"deletion of {some:,}": _timed(lambda: _first("ours", some).delete())}
    for count in (some, many // 2):
        ours[f"deletion of {count:,}"] = _timed(lambda count=count: delete_tasks(_first("ours", count)))
    TRIGGERS.drop(alias)
    forget_active(alias)
    return ours, others | _edits("theirs", look, shared, many, rounds)


def _edits(name, look, shared, many, rounds):
    from django_celery_beat.models import PeriodicTask

    task = PeriodicTask.objects.order_by("pk").first()
    look()
    return {
        "a look for what changed": _median(rounds, look),
        "a save": _median(rounds * 10, lambda: _save(task)),
        f"an edit of a crontab that {many:,} share": _median(rounds, lambda: _shift(shared)),
        "beat's own counts on 500 rows": _median(rounds, lambda: _count(500)),
        f"bulk_create of {many:,}": _timed(lambda: _create(name, many, shared)),
        f"an update of {many:,}": _timed(lambda: _toggle(name)),
    }


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
