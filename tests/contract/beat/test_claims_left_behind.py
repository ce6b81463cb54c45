"""What a beat claimed and did not publish or stamp: published, left alone or given up."""

import datetime as dt

import pytest
from django.db import OperationalError
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import RunPolicy, TaskRun
from djtaskq_beat.store import Claimer, claim_due
from tests.contract.beat.conftest import make_dispatcher, settle

GRACE = dt.timedelta(seconds=30)


def test_what_another_beat_left_behind_goes_out_under_the_same_id(app, make_task, make_due, database, sent):
    make_task()
    dispatcher = make_dispatcher(app, database)
    settle(dispatcher)
    make_due()
    claim_due(Claimer(database, "killed:1", dt.timedelta(seconds=0)))
    task_id = TaskRun.objects.get().task_id
    assert sent() == []
    settle(dispatcher)
    (message,) = sent()
    assert message["id"] == str(task_id)
    assert (TaskRun.objects.get().state, PeriodicTask.objects.get().total_run_count) == ("published", 1)


def test_what_a_live_beat_has_claimed_is_left_to_it(dispatcher, make_task, make_due, database, sent):
    make_task()
    settle(dispatcher)
    make_due()
    claim_due(Claimer(database, "busy:1", GRACE))
    settle(dispatcher)
    assert sent() == []


def test_what_was_left_behind_gives_way_to_a_later_slot(dispatcher, make_task, make_due, database, sent):
    task = make_task(every=60)
    settle(dispatcher)
    make_due()
    claim_due(Claimer(database, "killed:1", dt.timedelta(seconds=0)))
    TaskRun.objects.update(slot=TaskRun.objects.get().slot - dt.timedelta(minutes=5))
    settle(dispatcher)
    assert sent() == []
    run = TaskRun.objects.get()
    assert (run.state, run.retry_at) == ("missed", None)
    RunPolicy.objects.create(periodic_task=task, catch_up="all")
    TaskRun.objects.update(state="claimed", retry_at=run.claimed_at)
    settle(dispatcher)
    assert len(sent()) == 1


def test_a_run_of_a_deleted_task_is_given_up(dispatcher, make_task, make_due, database, sent):
    task = make_task()
    settle(dispatcher)
    make_due()
    claim_due(Claimer(database, "killed:1", dt.timedelta(seconds=0)))
    task.delete()
    settle(dispatcher)
    assert sent() == []
    run = TaskRun.objects.get()
    assert (run.state, run.name, run.reason) == ("skipped", "task", "the periodic task was deleted")


def test_what_could_not_be_stamped_is_stamped_as_soon_as_it_can(
    dispatcher, make_task, make_due, sent, monkeypatch
):
    make_task()
    settle(dispatcher)
    make_due()

    def away(*_args):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr("djtaskq_beat.dispatcher.stamp", away)
        with pytest.raises(OperationalError):
            settle(dispatcher)
    assert TaskRun.objects.get().state == "claimed"
    settle(dispatcher)
    assert (TaskRun.objects.get().state, PeriodicTask.objects.get().total_run_count) == ("published", 1)
    assert len(sent()) == 1
