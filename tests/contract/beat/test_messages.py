"""What goes to the broker: its own copy of everything, and no message that nobody may run any more."""

import datetime as dt
import json

import pytest
from celery import Celery
from django_celery_beat.models import PeriodicTask

from djtaskq.db.clock import now
from djtaskq_beat.message import task_id_of
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.publisher import Publisher, outcome_of
from djtaskq_beat.store import Claimer, claim_due
from tests.contract.beat.conftest import make_dispatcher, settle

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def claimed(database, dispatcher, make_due):
    """Return a function that claims what is due and has sent nothing yet."""

    def claim():
        settle(dispatcher)
        make_due()
        return claim_due(Claimer(database, "test:1", dt.timedelta(seconds=30))).runs

    return claim


def test_no_header_goes_from_one_message_into_the_next(claimed, app, make_task, sent):
    make_task(headers=json.dumps({"mine": {"a": 1}}))
    (run,) = claimed()
    before = json.dumps(run.message.options, sort_keys=True)

    @app.task(name="tests.add", shared=False)
    def add():
        """Celery writes into the headers of a task that it knows."""

    publisher = Publisher(app)
    for _ in range(2):
        publisher.publish(outcome_of([run]), run.record.claimed_at)
    assert json.dumps(run.message.options, sort_keys=True) == before
    first, second = sent()
    # What the broker adds to each delivery is no header.
    assert {**first, "priority": None} == {**second, "priority": None}
    assert first["mine"] == {"a": 1}


@pytest.fixture
def publish_late(app, database, claimed):
    """Return a function that has another beat publish what was claimed, long after its time."""

    def publish():
        claimed()
        TaskRun.objects.update(retry_at=now(database))
        settle(make_dispatcher(app, database, "test:2"))

    return publish


def test_seconds_to_expiry_begin_when_a_message_is_sent_however_late(publish_late, make_task, sent, clock):
    make_task(expire_seconds=60)
    publish_late()
    (message,) = sent()
    left = dt.datetime.fromisoformat(message["expires"]) - clock()
    assert dt.timedelta(seconds=50) < left <= dt.timedelta(seconds=60)


def test_a_late_message_that_has_expired_is_skipped_and_not_counted(
    claimed, app, database, make_task, sent, clock
):
    task = make_task(every=60, expires=clock() + HOUR)
    claimed()
    PeriodicTask.objects.filter(pk=task.pk).update(expires=clock() - HOUR)
    TaskRun.objects.update(retry_at=now(database))
    settle(make_dispatcher(app, database, "test:2"))
    assert sent() == []
    run = TaskRun.objects.get()
    assert (run.state, run.published_at, run.retry_at) == ("skipped", None, None)
    assert "expired" in run.reason
    assert PeriodicTask.objects.get().total_run_count == 0


def test_a_task_renamed_between_claim_and_publishing_keeps_its_slot_and_its_history(
    claimed, app, database, make_task, make_due, sent
):
    task = make_task("old name")
    (run,) = claimed()
    PeriodicTask.objects.filter(pk=task.pk).update(name="new name")
    TaskRun.objects.update(retry_at=now(database))
    other = make_dispatcher(app, database, "test:2")
    settle(other)
    (message,) = sent()
    assert (message["id"], message["periodic_task_name"]) == (str(run.record.task_id), "new name")
    task.refresh_from_db()
    assert (task.total_run_count, task.name) == (1, "new name")
    make_due(90)
    settle(other)
    names = TaskRun.objects.filter(periodic_task=task.pk).order_by("pk").values_list("name", flat=True)
    assert list(names) == ["old name", "new name"]


@pytest.mark.parametrize("how", ["delete", "_raw_delete"])
def test_a_task_deleted_between_claim_and_publishing_is_not_sent_and_not_forgotten(
    how, claimed, app, database, make_task, sent
):
    task = make_task()
    claimed()
    if how == "delete":
        task.delete()
    else:
        PeriodicTask.objects.filter(pk=task.pk)._raw_delete(database)
    TaskRun.objects.update(retry_at=now(database))
    settle(make_dispatcher(app, database, "test:2"))
    assert sent() == []
    assert TaskRun.objects.get().state == "skipped"
    assert "deleted" in TaskRun.objects.get().reason


def test_a_slot_is_the_same_to_the_microsecond_wherever_it_stands(claimed, app, make_task, sent, clock):
    # The latest slot was ten seconds ago, and the next one does not come due in the midst of this.
    anchor = clock().replace(microsecond=123_457) - HOUR - dt.timedelta(seconds=10)
    task = make_task(every=50_000_001, period="microseconds", start_time=anchor)
    runs = claimed()
    Publisher(app).publish(outcome_of(runs), clock())
    headers = [dt.datetime.fromisoformat(message["djtaskq_slot"]) for message in sent()]
    recorded = [run.slot for run in TaskRun.objects.filter(state="claimed").order_by("slot")]
    assert headers == recorded == [run.record.slot for run in runs]
    assert NextRun.objects.get().last_slot == recorded[-1]
    grid = {
        (slot - NextRun.objects.get().anchor) % dt.timedelta(microseconds=50_000_001) for slot in recorded
    }
    assert grid == {dt.timedelta()}
    assert [task_id_of(task.pk, slot) for slot in headers] == [run.record.task_id for run in runs]


def test_a_slot_that_two_apps_share_goes_out_over_one_of_their_brokers(
    app, database, dispatcher, make_task, make_due, sent
):
    other = Celery("another-project", set_as_current=False)
    other.conf.update(
        broker_url="memory://", result_backend="disabled://", task_default_queue="another-project"
    )
    for number in range(3):
        make_task(f"task {number}")
    settle(dispatcher)
    make_due()
    settle(make_dispatcher(other, database, "another:1"))
    settle(dispatcher)
    assert (len(sent("another-project")), len(sent())) == (3, 0)
