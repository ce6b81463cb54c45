"""What the broker has not confirmed yet is settled while the next runs are claimed."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat import dispatcher as engine
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.publisher import Publisher
from djtaskq_beat.store import claim_due
from tests.contract.beat.conftest import make_dispatcher, settle


class SlowlyAnswered(Publisher):
    """A broker that has what it was sent, and says so when it is asked for the second time."""

    def publish(self, outcome, now, *, wait=True):
        super().publish(outcome, now)
        if wait:
            outcome.published, outcome.under_way = [*outcome.published, *outcome.under_way], []
        else:
            outcome.published, outcome.under_way = [], outcome.published


@pytest.fixture
def beat(app, database, monkeypatch, make_due):
    """A beat that claims two runs at a time, of five that are due."""
    monkeypatch.setattr(engine, "claim_due", lambda claimer, **options: claim_due(claimer, most=2, **options))
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="tests.add", interval=interval) for number in range(5)
    )
    NextRun.objects.expect(PeriodicTask.objects.values_list("pk", flat=True), just_made=True)
    made = make_dispatcher(app, database, "test:slow")
    settle(made)
    made.publisher = SlowlyAnswered(app)
    make_due()
    yield made
    made.close()


def published():
    return TaskRun.objects.filter(state="published").count()


def test_a_batch_is_stamped_once_the_next_one_is_claimed(beat, sent):
    beat._due_at = 0
    counts = []
    for _ in range(3):
        beat.step()
        counts.append((TaskRun.objects.count(), published()))
    assert counts == [(2, 0), (4, 2), (5, 5)]
    assert len(sent()) == 5
    assert set(PeriodicTask.objects.values_list("total_run_count", flat=True)) == {1}


def test_a_beat_that_ends_waits_for_the_answer(beat):
    beat._due_at = 0
    beat.step()
    beat.close()
    assert published() == 2


def test_what_was_not_confirmed_is_left_to_any_beat(beat, app, database, sent):
    def lost(outcome, _now, *, wait=True):
        if not wait:
            outcome.under_way, outcome.waiting = outcome.waiting, []
        else:
            outcome.waiting, outcome.under_way = outcome.under_way, []

    beat.publisher.publish = lost
    beat._due_at = 0
    beat.step()
    beat.close()
    assert published() == 0
    settle(make_dispatcher(app, database, "test:other"))
    assert published() == 5
    assert len({message["id"] for message in sent()}) == 5
