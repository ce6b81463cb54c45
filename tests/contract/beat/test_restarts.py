"""What a beat that comes after another one does: nothing twice, nothing left out, nothing at a wrong hour."""

import datetime as dt

import pytest
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, PeriodicTask

from djtaskq.db.clock import now
from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from djtaskq_beat.publisher import Publisher, outcome_of
from djtaskq_beat.store import Claimer, claim_due
from tests.contract.beat.conftest import make_dispatcher, settle

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def restart(app, database):
    """Return a function that has a beat of another name take over, `BEAT_GRACE_SECONDS` later."""

    def beat():
        TaskRun.objects.filter(retry_at__isnull=False).update(retry_at=now(database))
        settle(make_dispatcher(app, database, "test:2"))

    return beat


@pytest.fixture
def killed(database, app):
    """Return a function that claims what is due, publishes it if told to, and then is no more."""

    def claim(*, publishes):
        batch = claim_due(Claimer(database, "test:1", dt.timedelta(seconds=30)))
        if publishes:
            Publisher(app).publish(outcome_of(batch.runs), batch.now)
        return batch

    return claim


@pytest.mark.parametrize("publishes", [False, True], ids=["before the broker", "after the broker"])
def test_a_one_off_is_sent_under_one_id_though_its_beat_is_killed(
    publishes, killed, restart, make_task, make_due, sent
):
    task = make_task(one_off=True)
    restart()
    make_due()
    killed(publishes=publishes)
    task.refresh_from_db()
    assert task.enabled is False
    restart()
    restart()
    assert {message["id"] for message in sent()} == {str(TaskRun.objects.get().task_id)}
    assert TaskRun.objects.get().state == "published"
    task.refresh_from_db()
    assert (task.enabled, NextRun.objects.get().run_at) == (False, None)


def test_a_one_off_that_is_enabled_again_runs_once_more(restart, dispatcher, make_task, make_due, sent):
    task = make_task(one_off=True)
    settle(dispatcher)
    make_due(150)
    settle(dispatcher)
    task.refresh_from_db()
    task.enabled = True
    task.save()
    restart()
    make_due(45)  # to a slot that is not the first one again
    restart()
    assert len(sent()) == 2
    task.refresh_from_db()
    assert task.enabled is False


def test_a_schedule_that_expired_while_no_beat_ran_is_ended_and_not_run(
    restart, dispatcher, make_task, make_due, sent, clock
):
    task = make_task(every=60, expires=clock() + HOUR)
    settle(dispatcher)
    make_due(7200)
    PeriodicTask.objects.filter(pk=task.pk).update(expires=clock() - HOUR)
    restart()
    restart()
    task.refresh_from_db()
    assert (task.enabled, NextRun.objects.get().run_at) == (False, None)
    # The slot that was due before it expired is on record; its message had expired with the schedule.
    assert sent() == []
    assert {run.state for run in TaskRun.objects.all()} <= {"missed", "skipped"}


@pytest.fixture
def down_over_the_slot(make_task, clock, dispatcher):
    """Return a function that makes a daily task whose slot passed four hours ago, while no beat ran."""

    def make(**policy):
        slot = (clock() - 4 * HOUR).replace(second=0, microsecond=0)
        crontab = CrontabSchedule.objects.create(minute=slot.minute, hour=slot.hour, timezone="UTC")
        task = make_task(crontab=crontab)
        if policy:
            RunPolicy.objects.create(periodic_task=task, **policy)
        settle(dispatcher)
        NextRun.objects.filter(pk=task.pk).update(slot=slot, run_at=slot)
        return slot

    return make


def test_a_daily_task_whose_hour_passed_runs_once_at_once_and_then_at_its_hour(
    down_over_the_slot, restart, sent
):
    slot = down_over_the_slot()
    restart()
    restart()
    (message,) = sent()
    assert dt.datetime.fromisoformat(message["djtaskq_slot"]) == slot
    assert NextRun.objects.get().slot == NextRun.objects.get().run_at == slot + DAY


@pytest.mark.parametrize("policy", [{"catch_up": "skip"}, {"catch_up_window": 3600}])
def test_it_waits_for_its_next_hour_where_the_policy_says_so(policy, down_over_the_slot, restart, sent):
    slot = down_over_the_slot(**policy)
    restart()
    assert sent() == []
    assert (TaskRun.objects.get().slot, TaskRun.objects.get().state) == (slot, "missed")
    assert NextRun.objects.get().slot == slot + DAY


@pytest.mark.parametrize(
    ("policy", "messages"), [({}, 1), ({"catch_up": "skip"}, 0), ({"catch_up_window": 60}, 0)]
)
def test_a_clocked_time_that_passed_is_decided_once_and_for_all(
    policy, messages, make_task, restart, sent, clock
):
    clocked = ClockedSchedule.objects.create(clocked_time=clock() - 30 * DAY)
    task = make_task(clocked=clocked, one_off=True)
    RunPolicy.objects.create(periodic_task=task, **policy)
    restart()
    restart()
    assert len(sent()) == messages
    assert TaskRun.objects.get().state == ("published" if messages else "missed")
    task.refresh_from_db()
    assert (task.enabled, NextRun.objects.get().run_at) == (False, None)


def test_a_save_of_what_was_read_long_ago_runs_no_slot_again(restart, dispatcher, make_task, make_due, sent):
    stale = make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    stale.save()
    assert PeriodicTask.objects.get().last_run_at is None
    restart()
    assert len(sent()) == 1
    assert TaskRun.objects.count() == 1
