"""The claiming path on each database: a due slot is claimed, published, stamped and counted, once."""

import datetime as dt
import threading
import uuid

from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from djtaskq_beat.store import Claimer, claim_due
from tests.contract.beat.conftest import make_dispatcher, settle

GRACE = dt.timedelta(seconds=30)


def statements(captured):
    """What was asked, without where transactions begin and end (SQLite's lock is an UPDATE of nothing)."""
    frames = ("BEGIN", "COMMIT", "UPDATE django_migrations")
    return [query["sql"] for query in captured if not query["sql"].startswith(frames)]


def test_a_new_task_is_planned_and_not_yet_run(dispatcher, make_task, sent, clock):
    task = make_task(every=60)
    wait = settle(dispatcher)
    planned = NextRun.objects.get(pk=task.pk)
    assert 55 < wait <= 60
    assert planned.slot == planned.run_at
    assert 55 < (planned.slot - clock()).total_seconds() <= 60
    assert (planned.error, planned.changed_at) == ("", None)
    assert sent() == []


def test_a_due_slot_is_published_once_with_what_the_row_says(dispatcher, make_task, make_due, sent):
    task = make_task(args="[2, 3]", kwargs='{"c": 4}', headers='{"x": "y"}', priority=7)
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    run = TaskRun.objects.get()
    (message,) = sent()
    assert (message["task"], message["args"], message["kwargs"]) == ("tests.add", [2, 3], {"c": 4})
    assert message["id"] == str(run.task_id)
    assert message["periodic_task_name"] == "task"
    assert message["celery_beat_task"] is True
    assert dt.datetime.fromisoformat(message["djtaskq_slot"]) == run.slot
    assert message["x"] == "y"
    assert message["priority"]["priority"] == 7
    assert (run.state, run.periodic_task_id, run.name, run.attempts) == ("published", task.pk, "task", 1)
    assert run.retry_at is None
    assert run.published_at >= run.claimed_at >= run.slot
    assert run.claimed_by == "test:1"


def test_a_published_run_is_counted_and_nothing_else_is_touched(dispatcher, make_task, make_due, clock):
    task = make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    after = PeriodicTask.objects.get(pk=task.pk)
    assert after.total_run_count == 1
    assert abs((after.last_run_at - clock()).total_seconds()) < 10
    assert after.date_changed == PeriodicTask.objects.get(pk=task.pk).date_changed == task.date_changed


def test_the_next_slot_is_on_the_grid(dispatcher, make_task, make_due):
    task = make_task(every=60)
    settle(dispatcher)
    before = NextRun.objects.get(pk=task.pk)
    make_due(61)
    settle(dispatcher)
    after = NextRun.objects.get(pk=task.pk)
    assert after.slot == before.slot - dt.timedelta(seconds=1)
    assert after.last_slot == after.slot - dt.timedelta(seconds=60)


def test_an_idle_step_is_two_statements(dispatcher, make_task, database):
    make_task()
    settle(dispatcher)
    with CaptureQueriesContext(connections[database]) as captured:
        dispatcher.step()
    assert len(captured) == 2


def test_500_due_tasks_are_at_most_eight_statements(dispatcher, make_due, database, sent):
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="tests.add", interval=interval) for number in range(500)
    )
    NextRun.objects.expect(PeriodicTask.objects.values_list("pk", flat=True), just_made=True)
    settle(dispatcher)
    make_due(120)
    dispatcher._due_at = 0
    with CaptureQueriesContext(connections[database]) as captured:
        assert dispatcher.step() == 0
    assert len(sent()) == 500
    assert len(statements(captured)) <= 8, statements(captured)
    assert TaskRun.objects.filter(state="published").count() == 500
    assert set(PeriodicTask.objects.values_list("total_run_count", flat=True)) == {1}


def test_a_one_off_runs_once_and_is_disabled(dispatcher, make_task, make_due, sent):
    task = make_task(one_off=True)
    settle(dispatcher)
    make_due(150)
    settle(dispatcher)
    make_due(150)
    settle(dispatcher)
    after = PeriodicTask.objects.get(pk=task.pk)
    assert len(sent()) == 1
    assert after.enabled is False
    assert NextRun.objects.get(pk=task.pk).run_at is None


def test_a_schedule_is_disabled_when_it_expires(dispatcher, make_task, clock):
    task = make_task(expires=clock() + dt.timedelta(seconds=20))
    settle(dispatcher)
    planned = NextRun.objects.get(pk=task.pk)
    assert (planned.slot, planned.run_at) == (None, task.expires)
    PeriodicTask.objects.filter(pk=task.pk).update(expires=clock() - dt.timedelta(seconds=1))
    NextRun.objects.mark_changed()
    settle(dispatcher)
    assert PeriodicTask.objects.get(pk=task.pk).enabled is False
    assert TaskRun.objects.count() == 0


def test_the_latest_slot_runs_after_a_gap_and_the_others_are_on_record(dispatcher, make_task, make_due, sent):
    make_task(every=60)
    settle(dispatcher)
    make_due(60 * 10 + 30)
    settle(dispatcher)
    missed, run = TaskRun.objects.order_by("slot")
    assert len(sent()) == 1
    assert (missed.state, run.state) == ("missed", "published")
    assert missed.through == run.slot - dt.timedelta(seconds=60)
    assert missed.reason
    assert PeriodicTask.objects.get().total_run_count == 1


def test_every_slot_runs_after_a_gap_where_the_policy_says_so(dispatcher, make_task, make_due, sent):
    task = make_task(every=60)
    RunPolicy.objects.create(periodic_task=task, catch_up="all", catch_up_limit=5)
    settle(dispatcher)
    make_due(60 * 10 + 30)
    settle(dispatcher)
    slots = list(TaskRun.objects.filter(state="published").order_by("slot").values_list("slot", flat=True))
    assert len(sent()) == len(slots) == 5
    assert TaskRun.objects.filter(state="missed").count() == 1
    assert PeriodicTask.objects.get().total_run_count == 5


def test_no_slot_runs_late_where_the_policy_is_to_skip(dispatcher, make_task, make_due, sent):
    task = make_task(every=3600)
    RunPolicy.objects.create(periodic_task=task, catch_up="skip")
    settle(dispatcher)
    make_due(3600 * 2 - 600)
    settle(dispatcher)
    assert sent() == []
    assert TaskRun.objects.get().state == "missed"


def test_two_claimers_at_once_never_double_a_slot(app, make_task, make_due, database):
    tasks = [make_task(f"task {number}") for number in range(60)]
    settle(make_dispatcher(app, database))
    make_due(60 + 30)
    ready = threading.Barrier(4)
    claimed, errors = [], []

    def work(number):
        try:
            ready.wait(10)
            for _ in range(12):
                batch = claim_due(Claimer(database, f"beat:{number}", GRACE), most=7)
                claimed.extend((run.record.periodic_task_id, run.record.slot) for run in batch.runs)
        except Exception as error:  # noqa: BLE001  a thread's error is the test's
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(claimed) == len(set(claimed)) == len(tasks)
    assert TaskRun.objects.filter(state="claimed").count() == len(tasks)


def test_a_slot_that_somebody_has_claimed_is_not_claimed_again(dispatcher, make_task, make_due, sent, clock):
    task = make_task()
    settle(dispatcher)
    make_due()
    slot = NextRun.objects.get().slot
    TaskRun.objects.create(
        periodic_task=task,
        name="task",
        slot=slot,
        state="published",
        task_id=uuid.uuid4(),
        claimed_at=clock(),
        claimed_by="other:1",
    )
    settle(dispatcher)
    assert sent() == []
    assert TaskRun.objects.get().claimed_by == "other:1"
    assert NextRun.objects.get().slot > slot


def test_a_message_that_has_expired_is_not_sent(dispatcher, make_task, make_due, sent, clock):
    task = make_task()
    settle(dispatcher)
    make_due(90)
    task.expires = clock() - dt.timedelta(seconds=5)
    task.save()
    settle(dispatcher)
    assert sent() == []
    run = TaskRun.objects.filter(state="skipped").get()
    assert "expired" in run.reason
    assert PeriodicTask.objects.get().total_run_count == 0


def test_expiry_in_seconds_counts_from_the_sending(dispatcher, make_task, make_due, sent, clock):
    make_task(expire_seconds=100)
    settle(dispatcher)
    make_due(500)
    settle(dispatcher)
    (message,) = sent()
    left = dt.datetime.fromisoformat(message["expires"]) - clock()
    assert 80 < left.total_seconds() <= 101
