"""The entries of beat_schedule as rows: each form that projects write, and what is wrong."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from celery import schedules
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.clockedschedule import clocked
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.tzcrontab import TzAwareCrontab

from djtaskq_beat.instants import aware
from tests.contract.beat.declaring import install

NOON = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
ENTRIES = {
    "number": {"task": "tests.add", "schedule": 30.0, "args": (1, 2)},
    "half": {"task": "tests.add", "schedule": 0.5},
    "timedelta": {"task": "tests.add", "schedule": dt.timedelta(minutes=5), "kwargs": {"a": 1}},
    "crontab": {
        "task": "tests.add",
        "schedule": schedules.crontab(minute=0, hour=[3, 1], day_of_week="mon-fri"),
        "options": {"queue": "slow", "priority": 4, "headers": {"x": "y"}, "expires": 60},
    },
    "solar": {"task": "tests.add", "schedule": schedules.solar("sunset", -37.81, 144.96)},
}


def test_each_kind_of_entry_becomes_a_row(app, database):
    install(app, database, ENTRIES)
    rows = {task.name: task for task in PeriodicTask.objects.all()}
    assert rows.keys() == ENTRIES.keys()
    assert (rows["number"].interval.every, rows["number"].interval.period) == (30, "seconds")
    assert rows["number"].args == "[1, 2]"
    assert (rows["half"].interval.every, rows["half"].interval.period) == (500_000, "microseconds")
    assert (rows["timedelta"].interval.every, rows["timedelta"].kwargs) == (300, '{"a": 1}')
    crontab = rows["crontab"]
    assert (crontab.crontab.hour, crontab.crontab.day_of_week, str(crontab.crontab.timezone)) == (
        "1,3",
        "mon-fri",
        "UTC",
    )
    assert (crontab.queue, crontab.priority, crontab.headers, crontab.expire_seconds) == (
        "slow",
        4,
        '{"x": "y"}',
        60,
    )
    assert (rows["solar"].solar.event, float(rows["solar"].solar.latitude)) == ("sunset", -37.81)


def test_what_has_not_changed_is_three_statements_and_no_write(app, database):
    entries = {
        f"entry {n}": {"task": "tests.add", "schedule": 60 + n, "kwargs": {"b": 1, "a": 2}} for n in range(50)
    }
    install(app, database, {**entries, **ENTRIES})
    changed = PeriodicTasks.last_change()
    with CaptureQueriesContext(connections[database]) as captured:
        install(app, database, {**entries, **ENTRIES})
    assert len(captured) == 3
    assert {query["sql"].split()[0] for query in captured} == {"SELECT"}
    assert PeriodicTasks.last_change() == changed


def test_a_beat_that_has_declared_asks_nothing_until_it_looks_again(app, database):
    declarer = install(app, database, ENTRIES)
    with CaptureQueriesContext(connections[database]) as captured:
        declarer.look()
        assert len(captured) == 0
        declarer._look_at = 0
        declarer.look()
    assert len(captured) == 1


def test_what_has_changed_is_written_and_what_an_operator_set_is_kept(app, database):
    install(app, database, ENTRIES)
    PeriodicTask.objects.update(enabled=False, description="mine")
    install(app, database, {"number": {"task": "tests.add", "schedule": 60, "args": (9,)}})
    task = PeriodicTask.objects.get(name="number")
    assert (task.interval.every, task.args, task.enabled, task.description) == (60, "[9]", False, "mine")


def test_an_entry_may_change_its_kind(app, database):
    install(app, database, {"one": {"task": "tests.add", "schedule": 60}})
    install(app, database, {"one": {"task": "tests.add", "schedule": schedules.crontab()}})
    task = PeriodicTask.objects.get()
    assert task.interval is None
    assert task.crontab.minute == "*"


def test_a_schedules_row_is_shared_and_never_doubled(app, database):
    IntervalSchedule.objects.create(every=60, period="seconds")
    IntervalSchedule.objects.create(every=60, period="seconds")
    install(app, database, {name: {"task": "tests.add", "schedule": 60} for name in ("a", "b")})
    assert IntervalSchedule.objects.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": "tests.add"},
        {"task": "tests.add", "schedule": 0},
        {"task": "tests.add", "schedule": -1},
        {"task": "tests.add", "schedule": 60, "args": [len]},
        {"task": "tests.add", "schedule": 60, "args": "12"},
        {"task": "tests.add", "schedule": 60, "kwargs": [1]},
        {"task": "tests.add", "schedule": 60, "no_such_column": 1},
        {"task": "tests.add", "schedule": 60, "options": {"priority": -1}},
        {"task": "tests.add", "schedule": 60, "options": {"expires": "soon"}},
        {"task": "tests.add", "schedule": 60, "id": 7},
        {"schedule": 60},
        {"task": "x" * 201, "schedule": 60},
        {"task": "tests.add", "schedule": dt.timedelta(seconds=4000.5)},
        {"task": "tests.add", "schedule": schedules.crontab(minute=",".join(["0"] * 200))},
        {"task": "tests.add", "schedule": 60, "expires": NOON, "expire_seconds": 9},
        None,
        {"task": "tests.add", "schedule": "daily"},
    ],
    ids=str,
)
def test_a_wrong_entry_is_logged_and_the_others_are_installed(wrong, app, database, caplog):
    install(app, database, {"wrong": wrong, "right": {"task": "tests.add", "schedule": 60}})
    assert PeriodicTask.objects.get().name == "right"
    assert caplog.text.count("the entry wrong of beat_schedule cannot be installed") == 1


def test_a_name_that_is_too_long_keeps_no_other_entry_from_its_place(app, database):
    entry = {"task": "add", "schedule": 60}
    install(app, database, {"x" * 201: entry, "after it": entry})
    assert PeriodicTask.objects.get().name == "after it"


class Weekdays(schedules.crontab):
    """What a project makes of its own."""

    def __init__(self):
        super().__init__(minute=0, hour=iter([9, 17]), day_of_week=[3, 1, 2])


@pytest.mark.parametrize(
    ("schedule", "kind", "columns"),
    [
        (90, "interval", {"every": 90, "period": "seconds"}),
        (1.5, "interval", {"every": 1_500_000, "period": "microseconds"}),
        (schedules.schedule(60, nowfun=dt.datetime.now), "interval", {"every": 60, "period": "seconds"}),
        (schedules.schedule(dt.timedelta(days=1), relative=True), "interval", {"every": 86400}),
        (Weekdays(), "crontab", {"minute": "0", "hour": "9,17", "day_of_week": "1,2,3", "timezone": "UTC"}),
        (schedules.crontab(day_of_month={15, 1}), "crontab", {"day_of_month": "1,15"}),
        (schedules.crontab(minute="*/5", nowfun=dt.datetime.now), "crontab", {"minute": "*/5"}),
        (TzAwareCrontab(hour="9", tz=ZoneInfo("Asia/Tokyo")), "crontab", {"timezone": "Asia/Tokyo"}),
        (TzAwareCrontab(hour="9", tz=dt.UTC), "crontab", {"timezone": "UTC"}),
        (schedules.solar("dawn_civil", 51.50000049, -0.1), "solar", {"latitude": Decimal("51.500000")}),
        (clocked(dt.datetime(2030, 1, 1, tzinfo=dt.UTC)), "clocked", {}),
    ],
    ids=range(11),
)
def test_what_projects_give_as_schedules_is_kept_and_found_again(schedule, kind, columns, app, database):
    entries = {"one": {"task": "tests.add", "schedule": schedule, "relative": True}}
    install(app, database, entries)
    row = getattr(PeriodicTask.objects.get(), kind)
    assert {name: type(value)(str(getattr(row, name))) for name, value in columns.items()} == columns
    with CaptureQueriesContext(connections[database]) as captured:
        install(app, database, entries)
    assert len(captured) == 3


@pytest.mark.parametrize(
    ("options", "expires", "seconds"),
    [
        ({"expires": 60}, None, 60),
        ({"expires": 0.5}, None, 1),
        ({"expires": dt.timedelta(minutes=2)}, None, 120),
        ({"expire_seconds": 30}, None, 30),
        ({"expires": NOON}, NOON, None),
        ({"expires": NOON.replace(tzinfo=None)}, NOON, None),
        ({}, None, None),
    ],
)
def test_each_form_of_expires_has_its_column(options, expires, seconds, app, database):
    install(app, database, {"one": {"task": "tests.add", "schedule": 60, "options": options}})
    task = PeriodicTask.objects.get()
    assert (task.expires, task.expire_seconds) == (expires, seconds)


def test_a_change_writes_its_own_columns_alone(app, database):
    install(app, database, {"one": {"task": "tests.add", "schedule": 60}})
    PeriodicTask.objects.update(enabled=False, total_run_count=7, last_run_at=NOON, one_off=True)
    with CaptureQueriesContext(connections[database]) as captured:
        install(app, database, {"one": {"task": "tests.other", "schedule": 60}})
    (update,) = [
        query["sql"]
        for query in captured
        if query["sql"].startswith(
            ("UPDATE `django_celery_beat_periodictask`", 'UPDATE "django_celery_beat_periodictask"')
        )
    ]
    assert "total_run_count" not in update
    assert "last_run_at" not in update
    task = PeriodicTask.objects.get()
    assert (task.task, task.enabled, task.total_run_count, task.last_run_at) == (
        "tests.other",
        False,
        7,
        NOON,
    )


def test_options_without_a_column_are_named(app, database, caplog):
    options = {"serializer": "yaml", "queue": "slow", "retry": False}
    install(app, database, {"one": {"task": "tests.add", "schedule": 60, "options": options}})
    assert "one is sent without its options retry, serializer" in caplog.text


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_found_again_whatever_use_tz_says(use_tz, app, database, settings):
    settings.USE_TZ = use_tz
    entries = {
        "clocked": {"task": "tests.add", "schedule": clocked(NOON), "start_time": NOON},
        "ends": {"task": "tests.add", "schedule": 60, "options": {"expires": NOON}},
    }
    install(app, database, entries)
    with CaptureQueriesContext(connections[database]) as captured:
        install(app, database, entries)
    assert len(captured) == 3
    task = PeriodicTask.objects.get(name="clocked")
    assert [aware(task.clocked.clocked_time), aware(task.start_time)] == [NOON, NOON]
    assert task.one_off


def test_a_crontab_in_the_hosts_time_is_in_djangos(app, database, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    app.conf.update(enable_utc=False, timezone=None)
    install(app, database, {"one": {"task": "tests.add", "schedule": schedules.crontab(hour=9, app=app)}})
    assert str(PeriodicTask.objects.get().crontab.timezone) == "Europe/Berlin"
