"""A beat that was stopped for a while finds that others have done its work, and leaves it at that."""

import time

import pytest
from django_celery_beat.models import PeriodicTask

from djtaskq.db.clock import now
from djtaskq_beat.models import TaskRun
from djtaskq_beat.publisher import Publisher
from tests.contract.beat.conftest import make_dispatcher, settle


class StoppedPublisher(Publisher):
    """One whose process is stopped before or after it sends, until another beat has taken over."""

    def __init__(self, app, *, sends, meanwhile):
        super().__init__(app)
        self._sends, self._meanwhile = sends, meanwhile

    def publish(self, outcome, at, *, wait=True):
        if self._sends:
            super().publish(outcome, at, wait=wait)
        self._meanwhile()
        outcome.until = time.monotonic() - 1
        super().publish(outcome, at, wait=wait)


@pytest.fixture
def stopped(app, database):
    """Return a function that makes a beat that is stopped for longer than it may keep what it claimed."""

    def make(*, sends):
        def meanwhile():
            TaskRun.objects.update(retry_at=now(database))
            settle(make_dispatcher(app, database, "test:other"))

        beat = make_dispatcher(app, database, "test:stopped")
        beat.publisher = StoppedPublisher(app, sends=sends, meanwhile=meanwhile)
        return beat

    return make


def test_what_another_beat_has_sent_meanwhile_is_not_sent_again(
    stopped, dispatcher, make_task, make_due, sent
):
    make_task()
    settle(dispatcher)
    make_due()
    settle(stopped(sends=False))
    assert len(sent()) == 1
    assert TaskRun.objects.get().state == "published"
    assert TaskRun.objects.get().retry_at is None
    assert PeriodicTask.objects.get().total_run_count == 1


def test_what_was_sent_twice_counts_once(stopped, dispatcher, make_task, make_due, sent):
    make_task()
    settle(dispatcher)
    make_due()
    settle(stopped(sends=True))
    first, second = sent()
    assert first["id"] == second["id"]
    assert TaskRun.objects.get().attempts == 1
    assert PeriodicTask.objects.get().total_run_count == 1


def test_what_another_beat_is_about_to_send_is_left_to_it(app, database, dispatcher, make_task, make_due):
    make_task()
    settle(dispatcher)
    make_due()
    beat = make_dispatcher(app, database, "test:stopped")
    taken_over = []

    def publish(outcome, at, *, wait):
        TaskRun.objects.update(retry_at=at.replace(year=at.year + 1))
        taken_over.append(TaskRun.objects.get().retry_at)

    beat.publisher.publish = publish
    settle(beat)
    assert TaskRun.objects.get().retry_at == taken_over[0]


def test_what_another_beat_is_just_sending_is_stamped_and_counted_by_that_one(
    app, database, dispatcher, make_task, make_due
):
    make_task()
    settle(dispatcher)
    make_due()
    beat = make_dispatcher(app, database, "test:stopped")

    def publish(outcome, at, *, wait):
        outcome.published, outcome.waiting = outcome.waiting, []
        TaskRun.objects.update(retry_at=at.replace(year=at.year + 1))
        outcome.until = time.monotonic() - 1

    beat.publisher.publish = publish
    settle(beat)
    assert TaskRun.objects.get().state == "claimed"
    assert PeriodicTask.objects.get().total_run_count == 0
