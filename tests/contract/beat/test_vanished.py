"""What a schedule needs of its machine may vanish while beat runs: that row is set aside, the others run."""

import datetime as dt
import logging
import shutil
import sys
import zoneinfo
from pathlib import Path

import pytest
from django.db import connections, router
from django_celery_beat.models import CrontabSchedule, SolarSchedule

from djtaskq_beat.models import NextRun
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.solar import _ephem
from djtaskq_beat.occurrences.zones import zone_named
from tests.contract.beat.conftest import make_dispatcher, settle

ZONE = "Test/Vanishing"


@pytest.fixture
def zone_file(tmp_path):
    """A time zone of this test alone, in the machine's tz database until its file is deleted."""
    source = next(folder for path in zoneinfo.TZPATH if (folder := Path(path, "Asia/Kolkata")).exists())
    file = tmp_path / ZONE
    file.parent.mkdir()
    shutil.copy(source, file)
    zoneinfo.reset_tzpath([str(tmp_path), *zoneinfo.TZPATH])
    yield file
    zoneinfo.reset_tzpath()
    forget()


def forget():
    """What a process that starts anew would not know."""
    # This zone alone: zones are compared by identity, and Django's choices hold the others.
    zoneinfo.ZoneInfo.clear_cache(only_keys=[ZONE])
    zone_named.cache_clear()
    Crontab.parse.cache_clear()


def in_zone(database):
    crontab = CrontabSchedule.objects.create(timezone="UTC")
    # Past the field, which would refuse a zone that it does not list.
    table = connections[database].ops.quote_name(CrontabSchedule._meta.db_table)
    with connections[database].cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET timezone = %s WHERE id = %s", [ZONE, crontab.pk])
    return crontab


def a_minute_later(clock):
    """When what could not be scheduled is tried again."""
    NextRun.objects.exclude(error="").update(run_at=clock())


def test_a_zone(zone_file, app, make_task, make_due, sent, caplog):
    database = router.db_for_write(NextRun)
    dispatcher = make_dispatcher(app, database)
    make_task("good")
    row = make_task("in the zone", crontab=in_zone(database))
    settle(dispatcher)
    assert NextRun.objects.get(pk=row.pk).error == ""
    zone_file.unlink()
    make_due()
    settle(dispatcher)
    # Who has loaded the zone keeps it.
    assert {message["periodic_task_name"] for message in sent()} == {"good", "in the zone"}

    forget()
    with caplog.at_level(logging.ERROR, "celery.beat"):
        make_due(90)
        settle(make_dispatcher(app, database, "test:2"))
    assert {message["periodic_task_name"] for message in sent()} == {"good"}
    assert NextRun.objects.get(pk=row.pk).error == f"The time zone '{ZONE}' is not known on this machine."
    assert [record for record in caplog.messages if ZONE in record and "set aside" in record]


def test_a_zone_that_comes_back(zone_file, dispatcher, make_task, database, clock):
    moved = zone_file.rename(zone_file.with_suffix(".away"))
    row = make_task(crontab=in_zone(database))
    settle(dispatcher)
    assert NextRun.objects.get(pk=row.pk).error
    moved.rename(zone_file)
    a_minute_later(clock)
    settle(dispatcher)
    assert NextRun.objects.get(pk=row.pk).error == ""
    assert NextRun.objects.get(pk=row.pk).slot is not None


def test_the_package_of_the_sun(dispatcher, make_task, make_due, sent, clock, monkeypatch):
    solar = SolarSchedule.objects.create(event="sunrise", latitude="78.200000", longitude="15.600000")
    row = make_task("solar", solar=solar)
    make_task("good")
    monkeypatch.setitem(sys.modules, "ephem", None)
    _ephem.cache_clear()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    assert [message["periodic_task_name"] for message in sent()] == ["good"]
    assert "pip install" in NextRun.objects.get(pk=row.pk).error

    monkeypatch.undo()
    _ephem.cache_clear()
    a_minute_later(clock)
    settle(dispatcher)
    assert NextRun.objects.get(pk=row.pk).error == ""
    assert NextRun.objects.get(pk=row.pk).slot - dt.datetime.now(dt.UTC) < dt.timedelta(days=180)


@pytest.mark.parametrize("shared", ["interval", "crontab"])
def test_a_schedules_row_takes_the_tasks_along_that_are_due(shared, dispatcher, make_task, make_due, sent):
    make_task("good", every=90)
    columns = {"crontab": CrontabSchedule.objects.create(timezone="UTC")} if shared == "crontab" else {}
    due = [make_task(f"due {number}", **columns) for number in range(3)]
    settle(dispatcher)
    make_due(100)
    getattr(due[0], shared).delete()
    settle(dispatcher)
    assert {message["periodic_task_name"] for message in sent()} == {"good"}
    assert not NextRun.objects.filter(pk__in=[task.pk for task in due]).exists()
