"""The entries of beat_schedule as rows, and the scheduler that Celery makes."""

import datetime as dt

import pytest
from celery import schedules
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat import schedulers as theirs
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.utils import is_database_scheduler

from djtaskq_beat.declared import declare, default_entries
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.schedulers import DatabaseScheduler
from tests.waiting import eventually

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


def install(app, database, entries=ENTRIES):
    declare(entries, app=app, using=database)


def test_each_kind_of_entry_becomes_a_row(app, database):
    install(app, database)
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


def test_what_has_not_changed_is_one_statement_and_no_write(app, database):
    install(app, database)
    changed = PeriodicTasks.last_change()
    with CaptureQueriesContext(connections[database]) as captured:
        install(app, database)
    assert len(captured) == 1
    assert PeriodicTasks.last_change() == changed


def test_what_has_changed_is_written_and_what_an_operator_set_is_kept(app, database):
    install(app, database)
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
        {"task": "tests.add", "schedule": 60, "args": [object()]},
        {"task": "tests.add", "schedule": 60, "no_such_column": 1},
        {"task": "tests.add", "schedule": "daily"},
    ],
    ids=str,
)
def test_a_wrong_entry_is_logged_and_the_others_are_installed(wrong, app, database, caplog):
    install(app, database, {"wrong": wrong, "right": {"task": "tests.add", "schedule": 60}})
    if "no_such_column" not in wrong:
        assert PeriodicTask.objects.get().name == "right"
        assert "the entry wrong of beat_schedule cannot be installed" in caplog.text


def test_a_name_that_is_too_long_keeps_no_other_entry_from_its_place(app, database):
    entry = {"task": "add", "schedule": 60}
    install(app, database, {"x" * 300: entry, "after it": entry})
    assert PeriodicTask.objects.filter(name="after it").exists()


def test_the_clean_up_is_installed_only_where_the_backend_needs_it(app):
    assert default_entries(app).keys() == {"celery.backend_cleanup"}
    app.conf.result_expires = None
    assert default_entries(app) == {}
    app.conf.result_expires = 3600
    app.backend.supports_autoexpire = True
    assert default_entries(app) == {}


def test_a_lazy_scheduler_asks_nothing_of_the_database(app, database):
    with CaptureQueriesContext(connections[database]) as captured:
        scheduler = DatabaseScheduler(app=app, lazy=True)
        assert scheduler.max_interval == 0.5
        assert scheduler.info == ""
    assert len(captured) == 0
    assert issubclass(DatabaseScheduler, theirs.DatabaseScheduler)
    assert is_database_scheduler("djtaskq_beat.schedulers:DatabaseScheduler")


@pytest.fixture
def scheduler(app, database):
    app.conf.beat_schedule = {"declared": {"task": "tests.add", "schedule": 3600}}
    scheduler = DatabaseScheduler(app=app)
    yield scheduler
    scheduler.close()


def test_a_tick_sleeps_until_the_next_slot_or_the_bound(scheduler, make_task):
    assert eventually(scheduler.tick) == 0.5
    task = make_task(every=60)
    assert eventually(lambda: NextRun.objects.get(pk=task.pk).slot if scheduler.tick() else None)
    NextRun.objects.filter(pk=task.pk).update(run_at=NextRun.objects.get(pk=task.pk).last_slot)
    assert PeriodicTask.objects.filter(name="declared").exists()


def test_what_others_read_of_a_scheduler_is_there(scheduler, make_task):
    scheduler.tick()
    make_task("mine", args="[1]")
    make_task("bad", args="{")
    entries = scheduler.schedule
    assert {"declared", "mine", "celery.backend_cleanup"} <= entries.keys()
    assert entries["mine"].args == [1]
    assert "bad" not in entries
    assert PeriodicTask.objects.get(name="bad").enabled
    scheduler.sync()
    assert scheduler.should_sync() in (True, False)


def test_closing_in_the_middle_of_a_tick_waits_for_its_end(scheduler):
    scheduler.tick()
    scheduler._ticking = True
    scheduler.close()
    assert scheduler._dispatcher is not None
    scheduler._ticking = False
    scheduler.close()
    assert scheduler._dispatcher is None


def test_a_tick_opens_no_connection_anew(scheduler, database):
    connections[database].settings_dict["CONN_MAX_AGE"] = 0
    scheduler.tick()
    used = connections[database].connection
    for _ in range(5):
        scheduler.tick()
    assert connections[database].connection is used


def test_a_due_slot_goes_out_by_ticks_alone(scheduler, make_task, make_due, sent):
    make_task("mine")
    eventually(scheduler.tick)
    make_due(60)
    eventually(lambda: scheduler.tick() and TaskRun.objects.filter(state="published").exists())
    assert [message["periodic_task_name"] for message in sent() if message["task"] == "tests.add"]
