"""The scheduler that Celery makes."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat import schedulers as theirs
from django_celery_beat.models import PeriodicTask
from django_celery_beat.utils import is_database_scheduler

from djtaskq_beat.models import Beat, Declaration, NextRun, TaskRun
from djtaskq_beat.schedulers import DatabaseScheduler
from tests.waiting import eventually


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


def test_a_beat_reports_which_beat_schedule_it_runs(scheduler):
    eventually(lambda: scheduler.tick() and Beat.objects.exists())
    assert Beat.objects.get().declaration == Declaration.objects.latest("declared_at").digest
    scheduler.update_from_dict({"another": {"task": "tests.add", "schedule": 60}})
    scheduler.tick()
    assert PeriodicTask.objects.filter(name__in=["declared", "another"], enabled=True).count() == 2
    scheduler.close()
    assert Beat.objects.get().declaration == Declaration.objects.latest("declared_at").digest


def test_what_others_read_of_a_scheduler_is_there(scheduler, make_task):
    scheduler.tick()
    make_task("mine", args="[1]")
    make_task("bad", args="{")
    entries = scheduler.schedule
    assert {"declared", "mine"} <= entries.keys()
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
