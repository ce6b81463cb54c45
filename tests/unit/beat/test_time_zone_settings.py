"""The same slots whatever the settings on time zones say."""

import itertools
import subprocess
import sys

import pytest

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_celery_beat", "djtaskq", "djtaskq_beat"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "{folder}/db.sqlite3"}}}}
USE_TZ = {use_tz}
TIME_ZONE = "Europe/Berlin"
DJANGO_CELERY_BEAT_TZ_AWARE = {tz_aware}
CELERY_TIMEZONE = {zone!r}
CELERY_ENABLE_UTC = {enable_utc}
"""

PROGRAM = """
import datetime as dt, django
django.setup()
from celery import Celery
app = Celery("zones", broker="memory://")
app.config_from_object("django.conf:settings", namespace="CELERY")
from django.core.management import call_command
from django.conf import settings
from django.utils import timezone
call_command("migrate", verbosity=0)
from django_celery_beat.models import *
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.schedulers import DatabaseScheduler

def entered(*parts):
    # What a person in Berlin types into the admin.
    naive = dt.datetime(*parts)
    return timezone.make_aware(naive) if settings.USE_TZ else naive

def make(name, **columns):
    PeriodicTask.objects.create(name=name, task="x", **columns)

nine = CrontabSchedule.objects.create(minute="0", hour="9", timezone="America/New_York")
make("crontab", crontab=nine, start_time=entered(2040, 7, 1, 12))
hours = IntervalSchedule.objects.create(every=7, period="hours")
make("interval", interval=hours, start_time=entered(2040, 7, 1))
make("clocked", clocked=ClockedSchedule.objects.create(clocked_time=entered(2040, 7, 1, 12)), one_off=True)
make("expired", interval=IntervalSchedule.objects.get(), expires=entered(2020, 1, 1))
make("due", clocked=ClockedSchedule.objects.create(clocked_time=entered(2026, 1, 1)), one_off=True)
scheduler = DatabaseScheduler(app=app)
scheduler._entries = None
for _ in range(4):
    scheduler.tick()
for known in NextRun.objects.order_by("periodic_task__name").select_related("periodic_task"):
    print(known.periodic_task.name, known.slot, known.periodic_task.enabled, known.error)
print(TaskRun.objects.get().slot, TaskRun.objects.get().state)
ran = PeriodicTask.objects.get(name="due").last_run_at
from djtaskq_beat.instants import ran_at
print(abs((ran_at(ran) - dt.datetime.now(dt.UTC)).total_seconds()) < 60)
"""

EXPECTED = """\
clocked 2040-07-01 10:00:00+00:00 True
crontab 2040-07-01 13:00:00+00:00 True
due None False
expired None False
interval 2040-06-30 22:00:00+00:00 True
2025-12-31 23:00:00+00:00 published
True"""


@pytest.mark.parametrize(
    ("use_tz", "tz_aware", "zone", "enable_utc"),
    [
        (*flags, zone, enable_utc)
        for flags, (zone, enable_utc) in itertools.product(
            itertools.product([True, False], repeat=2),
            [(None, True), ("Asia/Tokyo", True), ("Asia/Tokyo", False)],
        )
    ],
)
def test_the_slots_are_the_same(use_tz, tz_aware, zone, enable_utc, tmp_path):
    values = {"use_tz": use_tz, "tz_aware": tz_aware, "zone": zone, "enable_utc": enable_utc}
    (tmp_path / "zone_settings.py").write_text(SETTINGS.format(folder=tmp_path, **values))
    environment = {
        "DJANGO_SETTINGS_MODULE": "zone_settings",
        "PYTHONPATH": ":".join([str(tmp_path), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert [line.strip() for line in done.stdout.splitlines()] == EXPECTED.splitlines(), done.stderr
