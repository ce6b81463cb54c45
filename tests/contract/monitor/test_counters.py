"""Counters for metrics: they never fall, are no more than allowed, and leave with whom they counted."""

import datetime as dt

from django.utils import timezone

from djtaskq_monitor.models import TaskCounter, TaskStatistics, WorkerState
from djtaskq_monitor.statistics import counters, folding, shown
from djtaskq_monitor.statistics.tally import STATES
from tests.contract.beat.conftest import side_by_side
from tests.contract.monitor.test_statistics import fold_all, write
from tests.monitoring import event, message, retried, success, timed_out

DAY = dt.timedelta(days=1)


def told(kind, name="proj.tasks.add", **label):
    """What one counter shows of each state, without those that nothing reached."""
    row = TaskCounter.objects.get(kind=kind, name=name, **label)
    return {state: count for state, count in zip(STATES, shown.read(row.shown).states, strict=True) if count}


def test_what_was_counted_is_told_by_queue_by_worker_and_by_exception(database):
    write([*success("a"), *success("b", worker="celery@two"), *retried("c"), *timed_out("d")], database)
    fold_all(database)
    assert told("queue", label="celery") == {
        "sent": 4,
        "received": 4,
        "started": 4,
        "succeeded": 3,
        "retried": 1,
    }
    assert told("worker", label="celery@two") == {"received": 1, "started": 1, "succeeded": 1}
    assert told("worker", label="")["sent"] == 4
    assert told("exception", label="", exception="TimeLimitExceeded") == {"failed": 1}
    row = shown.read(TaskCounter.objects.get(kind="queue", label="celery").shown)
    assert (row.runtimes[-1], row.runtime) == (3, 1_600_000)
    assert row.waits[-1] == 3


def test_what_moves_to_another_label_does_not_make_the_first_fall(database):
    sent, received, *_ = success("a")
    write([received], database)
    fold_all(database)
    assert told("queue", label="") == {"received": 1}
    write([sent], database)
    fold_all(database)
    assert told("queue", label="") == {"received": 1}
    assert told("queue", label="celery") == {"sent": 1, "received": 1}
    write(success("b")[1:2], database)
    fold_all(database)
    assert told("queue", label="") == {"received": 1}
    write(success("c")[1:2], database)
    fold_all(database)
    assert told("queue", label="") == {"received": 2}


def test_what_fails_is_known_by_its_class_even_if_its_worker_is_told_later(database):
    failed = event("task-failed", 1, uuid="a", exception=f"proj.Broken('{'x' * 500}')", traceback="")
    write([failed], database)
    write([event("task-sent", 0, **message("a"), queue="slow")], database)
    fold_all(database)
    assert told("exception", label="slow") == {"failed": 1}


def test_counters_stay_when_statistics_are_deleted(database):
    write(success("a"), database)
    fold_all(database)
    TaskStatistics.objects.all().delete()
    write(success("b"), database)
    fold_all(database)
    assert told("queue")["succeeded"] == 2


def test_names_beyond_the_limit_are_counted_together(database, settings):
    settings.DJTASKQ = {"MONITOR_METRICS_SERIES": 2}

    def named(number):
        return event("task-received", 0, **{**message(f"t{number}"), "name": f"proj.n{number}"})

    write([named(number) for number in range(5)], database)
    fold_all(database)
    assert told("queue", name="(other)", label="(other)") == {"received": 3}
    assert told("worker", name="(other)", label="celery@one") == {"received": 3}
    write([named(0) | {"uuid": "again"}, named(9)], database)
    fold_all(database)
    assert told("queue", name="proj.n0") == {"received": 2}
    assert told("queue", name="(other)") == {"received": 4}
    assert TaskCounter.objects.filter(kind="queue").count() == 3


def test_counters_go_when_they_count_nothing_any_more_and_with_their_worker(database):
    write([*success("a"), *success("b", worker="celery@two")], database)
    fold_all(database)
    now = timezone.now()
    WorkerState.objects.exclude(hostname="celery@one").delete()
    assert not counters.gone(now, database).exists()
    gone = counters.gone(now + 2 * DAY, database)
    assert [row.label for row in gone] == ["celery@two"]
    assert counters.gone(now + 31 * DAY, database).count() == TaskCounter.objects.count()


def test_two_cameras_that_sum_up_at_once_lose_nothing(database):
    for number in range(12):
        write(success(f"t{number}"), database)
    side_by_side(database, lambda: fold_until_empty(database))
    fold_all(database)
    assert told("queue")["succeeded"] == 12


def fold_until_empty(database):
    while folding.fold(using=database, most=1):
        pass


def test_an_exception_that_says_less_and_comes_later_changes_nothing(database):
    *_, vague, telling = timed_out("a")
    write([telling], database)
    write([vague], database)
    fold_all(database)
    known = TaskCounter.objects.filter(kind="exception").values_list("exception", flat=True)
    assert list(known) == ["TimeLimitExceeded"]
