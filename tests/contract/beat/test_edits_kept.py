"""What a person saves while beat works on the same row stays as it was saved."""

import datetime as dt

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun, TaskRun
from tests.contract.beat.conftest import settle

EDITS = {
    "args": "[9]",
    "kwargs": '{"a": 1}',
    "queue": "other",
    "headers": '{"x": "y"}',
    "priority": 3,
    "description": "edited",
    "expire_seconds": 99,
    "name": "renamed",
    "enabled": False,
    "start_time": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
}


@pytest.fixture
def while_publishing(dispatcher, monkeypatch):
    """Return a function that has `work` done between the claim of a run and its stamp."""
    publish = dispatcher.publisher.publish
    done = []

    def then(work):
        def doing(*arguments, **options):
            if not done:
                done.append(work())
            return publish(*arguments, **options)

        monkeypatch.setattr(dispatcher.publisher, "publish", doing)
        return done

    return then


@pytest.mark.parametrize("narrow", [False, True], ids=["every column", "its own column"])
@pytest.mark.parametrize("column", EDITS)
def test_an_edit_in_the_middle_of_a_run_stays_and_the_run_is_counted(
    column, narrow, while_publishing, dispatcher, make_task, make_due
):
    task = make_task()
    settle(dispatcher)
    make_due()

    def edit():
        setattr(task, column, EDITS[column])
        task.save(update_fields=[column] if narrow else None)
        return True

    done = while_publishing(edit)
    settle(dispatcher)
    assert done
    assert TaskRun.objects.get().state == "published"
    after = PeriodicTask.objects.get()
    assert getattr(after, column) == EDITS[column]
    assert after.total_run_count == 1
    assert after.last_run_at is not None
    untouched = EDITS.keys() - {column}
    assert {name: getattr(after, name) for name in untouched} == {
        name: getattr(task, name) for name in untouched
    }


def test_an_interval_saved_in_the_middle_of_a_run_is_the_next_one(
    while_publishing, dispatcher, make_task, make_due, clock
):
    task = make_task(every=60)
    settle(dispatcher)
    make_due()

    def edit():
        task.interval = IntervalSchedule.objects.create(every=3600, period="seconds")
        task.save()
        return True

    assert while_publishing(edit) == []
    settle(dispatcher)
    assert 3000 < (NextRun.objects.get().slot - clock()).total_seconds() <= 3600
    assert TaskRun.objects.count() == 1
