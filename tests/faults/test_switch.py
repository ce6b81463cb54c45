"""A project on django-celery-beat's own scheduler goes over to djtaskq's while it is running."""

import datetime as dt
from collections import Counter

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from djtaskq_beat.models import TaskRun
from tests.faults import ledger
from tests.faults.conftest import FULL
from tests.faults.storm import PATIENCE, SECOND, TASK
from tests.waiting import eventually

THEIRS = "django_celery_beat.schedulers:DatabaseScheduler"
COUNT = 1000 if FULL else 20
PERIODS = (60, 75, 90) if FULL else (3, 4, 5)
MINUTE = dt.timedelta(minutes=1)


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_a_switch_sends_nothing_twice_and_leaves_nothing_out(database, redis_url, make_storm):
    storm = make_storm(database, redis_url)
    _make_tasks()
    (old,) = storm.start(1, "-S", THEIRS)
    sent = Counter()

    def all_ran():
        sent.update(_names(ledger.take(redis_url)))
        return len(sent) == COUNT

    eventually(all_ran, timeout=PATIENCE)
    _wait_for_a_pause(old)
    assert old.stop(timeout=60) == 0
    sent.update(_names(ledger.take(redis_url)))
    last = {task.name: task for task in _tasks()}
    assert sent == {name: task.total_run_count for name, task in last.items()}

    (new,) = storm.start()
    runs = TaskRun.objects.filter(state="published")
    eventually(lambda: runs.values("name").distinct().count() == COUNT, timeout=PATIENCE)
    assert new.stop() == 0
    messages = ledger.take(redis_url)
    sent.update(_names(messages))
    assert sent == {task.name: task.total_run_count for task in _tasks()}
    assert len({(message.name, message.slot) for message in messages}) == len(messages)
    for name, task in last.items():
        _goes_on(task, list(TaskRun.objects.filter(name=name).order_by("slot")))


def _wait_for_a_pause(beat):
    """A signal in the middle of a statement may leave django-celery-beat's scheduler hanging for ever."""
    said = []

    def is_silent():
        said.append(len(beat.output))
        return said[-2:-1] == said[-1:]

    eventually(is_silent, timeout=PATIENCE, interval=0.5)


def _goes_on(task, runs):
    """The history begins with the slot after the last run of theirs, and has no hole."""
    period = MINUTE if task.crontab_id else task.interval.every * SECOND
    expected = task.last_run_at + period
    if task.crontab_id:
        expected = expected.replace(second=0, microsecond=0)
    for run in runs:
        assert run.slot == expected, task.name
        expected = (run.through or run.slot) + period


def _make_tasks():
    minutely = CrontabSchedule.objects.create(timezone="UTC")
    intervals = [IntervalSchedule.objects.create(every=every, period="seconds") for every in PERIODS]
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task=TASK, crontab=minutely)
        if FULL and number % 10 == 0
        else PeriodicTask(name=f"task {number}", task=TASK, interval=intervals[number % 3])
        for number in range(COUNT)
    )


def _tasks():
    return PeriodicTask.objects.filter(task=TASK).select_related("interval")


def _names(messages):
    return [message.name for message in messages]
