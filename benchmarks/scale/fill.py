"""Schedules in the database, many of them, as beat would have planned them."""

import copy
import datetime as dt

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections
from django.db.models import BigIntegerField, ExpressionWrapper, F, Value
from django.db.models.functions import Cast
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from benchmarks.scale.app import TASK
from djtaskq.db.clock import now
from djtaskq.db.fields import to_microseconds
from djtaskq_beat.models import Beat, NextRun, TaskRun
from djtaskq_beat.rows import fingerprint
from djtaskq_beat.triggers import TRIGGERS, forget_active

HOUR = dt.timedelta(hours=1)
_SPREAD = 4 * 3600
_BATCH = 5_000


def fill(alias: str, size: int) -> None:
    """`size` schedules instead of what was there: half on an interval, half on a crontab.

    The next slot of each is between one and five hours from now. To django-celery-beat, which asks when each
    ran last, none is due for 50 minutes.
    """
    TRIGGERS.drop(alias)
    _flush(alias)
    at = now(alias)
    templates = _templates(at)
    if connections[alias].vendor == "postgresql":
        _multiply(alias, templates, size)
    else:
        _copy(templates, size)
    _plan(alias, at)
    TRIGGERS.install(alias)
    forget_active(alias)
    tidy(alias)


def fall_due(count: int, at: dt.datetime) -> None:
    """Have the first `count` schedules fall due at `at`, which is the slot of them all."""
    NextRun.objects.filter(pk__lte=_last(count)).update(slot=at, run_at=at, anchor=at)


def overdue_to_peers(alias: str, count: int) -> None:
    """Have django-celery-beat find the first `count` schedules overdue."""
    PeriodicTask.objects.filter(pk__lte=_last(count)).update(last_run_at=now(alias) - 2 * HOUR)


def forget_runs(alias: str) -> None:
    TaskRun.objects.all().delete()
    Beat.objects.all().delete()
    tidy(alias)


def tidy(alias: str) -> None:
    """As autovacuum would have done by the time that anybody measures."""
    connection = connections[alias]
    words = {"postgresql": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE"}.get(connection.vendor, "ANALYZE")
    with connection.cursor() as cursor:
        for model in (PeriodicTask, NextRun, TaskRun):
            cursor.execute(f"{words} {model._meta.db_table}")


def _last(count: int) -> int:
    return PeriodicTask.objects.order_by("pk").values_list("pk", flat=True)[count - 1]


def _flush(alias: str) -> None:
    models = [model for app in ("django_celery_beat", "djtaskq_beat") for model in _models(app)]
    tables = [model._meta.db_table for model in models]
    operations = connections[alias].ops
    operations.execute_sql_flush(operations.sql_flush(no_style(), tables, reset_sequences=True))


def _models(app: str):
    return apps.get_app_config(app).get_models()


def _templates(at: dt.datetime) -> list[PeriodicTask]:
    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    minute = (at - dt.timedelta(minutes=10)).minute
    crontab = CrontabSchedule.objects.create(minute=str(minute), timezone="UTC")
    common = {"task": TASK, "args": "[1, 2]", "last_run_at": at}
    return [
        PeriodicTask.objects.create(name="schedule 1", interval=hourly, **common),
        PeriodicTask.objects.create(name="schedule 2", crontab=crontab, **common),
    ]


def _multiply(alias: str, templates: list[PeriodicTask], size: int) -> None:
    meta, quoted = PeriodicTask._meta, connections[alias].ops.quote_name
    columns = ", ".join(
        quoted(field.column) for field in meta.concrete_fields if field.name not in {"id", "name"}
    )
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {meta.db_table} (name, {columns}) SELECT 'schedule ' || number, {columns}"
            f" FROM generate_series(3, %s) AS number"
            f" JOIN {meta.db_table} AS template ON template.id = (%s::int[])[2 - number %% 2]"
            " ORDER BY number",
            [size, [template.pk for template in templates]],
        )


def _copy(templates: list[PeriodicTask], size: int) -> None:
    rows = []
    for number in range(3, size + 1):
        row = copy.copy(templates[(number + 1) % 2])
        row.pk, row.name = None, f"schedule {number}"
        rows.append(row)
    PeriodicTask.objects.bulk_create(rows, batch_size=_BATCH)


def _plan(alias: str, at: dt.datetime) -> None:
    seconds = Cast(F("pk"), BigIntegerField()) * Value(7919) % Value(_SPREAD)
    first = Value(to_microseconds(at + HOUR), output_field=BigIntegerField())
    slot = ExpressionWrapper(first + seconds * Value(1_000_000), output_field=BigIntegerField())
    columns = {
        "slot": slot,
        "run_at": slot,
        "anchor": slot,
        "planned_from": fingerprint(),
        "error": Cast(Value(""), NextRun._meta.get_field("error")),
    }
    rows = PeriodicTask.objects.annotate(**columns).values_list("pk", *columns)
    sql, parameters = rows.query.get_compiler(alias).as_sql()
    NextRun.objects.all().delete()
    with connections[alias].cursor() as cursor:
        names = ", ".join(("periodic_task_id", *columns))
        cursor.execute(f"INSERT INTO {NextRun._meta.db_table} ({names}) {sql}", parameters)
