"""Schedules on a second database, by a router; what workers and the rest of the project use is elsewhere."""

import subprocess
import sys

SETTINGS = """
SECRET_KEY = "x"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django_celery_beat", "djtaskq", "djtaskq_beat"]
DATABASES = {{
    "default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "{folder}/default.sqlite3"}},
    "schedules": {{
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "{folder}/schedules.sqlite3",
        "OPTIONS": {{"transaction_mode": "IMMEDIATE"}},
    }},
}}
DATABASE_ROUTERS = ["two_settings.Router"]
CELERY_BEAT_SCHEDULE = {{"declared": {{"task": "x", "schedule": 3600}}}}


class Router:
    def db_for_read(self, model, **hints):
        return "schedules" if model._meta.app_label in {apps} else None

    db_for_write = db_for_read

    def allow_relation(self, first, second, **hints):
        return True

    def allow_migrate(self, db, app_label, **hints):
        return (db == "schedules") == (app_label in {apps})
"""

PROGRAM = """
import django
django.setup()
from celery import Celery
from django.core.management import call_command
from django.db import connections
from django.db.models import F
for alias in connections:
    call_command("migrate", database=alias, verbosity=0)
app = Celery("two", broker="memory://")
app.config_from_object("django.conf:settings", namespace="CELERY")
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from djtaskq_beat.manual import run_now
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.reconciliation import reconcile
from djtaskq_beat.schedulers import DatabaseScheduler

from tests.waiting import eventually

def tick_until(condition):
    eventually(lambda: (scheduler.tick(), condition())[1])

scheduler = DatabaseScheduler(app=app)
minutely = IntervalSchedule.objects.create(every=60, period="seconds")
task = PeriodicTask.objects.create(name="mine", task="x", interval=minutely)
planned = NextRun.objects.filter(slot__isnull=False, periodic_task__name__in=["mine", "declared"])
tick_until(lambda: planned.count() == 2)
NextRun.objects.filter(pk=task.pk).update(
    **{name: F(name) - 60_000_000 for name in ("slot", "run_at", "anchor")}
)
scheduler._dispatcher._peeked_at = -1e9
tick_until(lambda: PeriodicTask.objects.get(pk=task.pk).total_run_count == 1)
print("published", TaskRun.objects.get().state)
run_now(app, [task.pk], using="schedules", by="me")
print("by hand", TaskRun.objects.filter(trigger="manual", state="published").count())
minutely.every = 600
minutely.save()
print("marked", NextRun.objects.get(pk=task.pk).changed_at is not None)
PeriodicTask.objects.filter(pk=task.pk).update(crontab=CrontabSchedule.objects.create(), interval=None)
reconcile("schedules")
tick_until(lambda: NextRun.objects.get(pk=task.pk).changed_at is None)
print("errors", list(NextRun.objects.exclude(error="").values_list("error", flat=True)))
print("declared", PeriodicTask.objects.filter(name="declared").count())
task.delete()
print("forgotten", not NextRun.objects.filter(pk=task.pk).exists())
scheduler.close()
for alias in connections:
    tables = connections[alias].introspection.table_names()
    print(alias, sum("beat" in table for table in tables) > 0)
"""

EXPECTED = """\
published published
by hand 1
marked True
errors []
declared 1
forgotten True
default False
schedules True"""


def run(folder, *command, apps=("django_celery_beat", "djtaskq_beat")):
    (folder / "two_settings.py").write_text(SETTINGS.format(folder=folder, apps=apps))
    environment = {"DJANGO_SETTINGS_MODULE": "two_settings", "PYTHONPATH": ":".join([str(folder), *sys.path])}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_beat_lives_on_the_database_that_the_router_gives_it(tmp_path):
    done = run(tmp_path, "-c", PROGRAM)
    assert [line.strip() for line in done.stdout.splitlines()] == EXPECTED.splitlines(), done.stderr


def test_a_router_that_parts_the_tables_is_an_error(tmp_path):
    together = run(tmp_path, "-m", "django", "check")
    apart = run(tmp_path, "-m", "django", "check", apps=("django_celery_beat",))
    assert together.returncode == 0
    assert "djtaskq_beat.E004" in apart.stderr
    assert "'default' and django_celery_beat to 'schedules'" in apart.stderr
