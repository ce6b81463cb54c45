"""The latest run of each schedule is noted beside beat's work, and the list is sorted by it."""

import datetime as dt
import threading

import pytest
from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.db.models import Max
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from djtaskq_beat import latest, pruning
from djtaskq_beat.deletion import delete_tasks
from djtaskq_beat.latest import LatestRuns, note
from djtaskq_beat.models import LatestRun, TaskRun
from djtaskq_beat.reconciliation import reconcile
from tests.contract.beat.conftest import side_by_side
from tests.waiting import eventually

SECOND = dt.timedelta(seconds=1)
LAST_RUN, LATE_BY = 4, 5


@pytest.fixture
def make_run(database, clock):
    """Return a function that records a run whose slot was `ago` seconds ago."""

    def make(task, *, ago=60, claimed=60, late=None, **columns):
        slot = clock() - ago * SECOND
        published_at = None if late is None else slot + late * SECOND
        columns = {"state": "published", "name": "", "published_at": published_at, **columns}
        return TaskRun.objects.create(
            periodic_task_id=getattr(task, "pk", task),
            slot=slot,
            claimed_at=clock() - claimed * SECOND,
            **columns,
        )

    return make


def noted():
    return dict(LatestRun.objects.values_list("periodic_task", "run"))


def read_all(database, most=50):
    chore = LatestRuns(database)
    for _ in range(most):
        if not chore.work():
            return chore
    raise AssertionError("there is always more to read")


def test_the_latest_slot_is_noted_in_whatever_order_its_runs_came(make_task, make_run, database, monkeypatch):
    monkeypatch.setattr(latest, "BATCH", 3)
    one, other = make_task("one"), make_task("other")
    make_run(one, ago=300)
    last = make_run(one, ago=100)
    make_run(one, ago=200)
    alone = make_run(other)
    make_run(one, ago=400)
    chore = read_all(database)
    assert noted() == {one.pk: last.pk, other.pk: alone.pk}
    newer = make_run(one, ago=90)
    chore.work()
    assert noted()[one.pk] == newer.pk


def test_what_commits_late_is_not_passed_over(make_task, make_run, database):
    one, other = make_task("one"), make_task("other")
    before = make_run(one)
    chore = read_all(database)
    young = make_run(one, ago=0, claimed=0)
    make_run(other, ago=0, claimed=0)
    chore.work()
    assert noted() == {one.pk: before.pk}
    TaskRun.objects.update(claimed_at=before.claimed_at)
    chore.work()
    assert noted()[one.pk] == young.pk
    assert len(noted()) == 2


def test_a_beat_that_starts_begins_where_the_last_one_was(make_task, make_run, database, monkeypatch):
    monkeypatch.setattr(latest, "_SLACK", 2)
    tasks = [make_task(f"task {number}") for number in range(5)]
    for task in tasks:
        make_run(task)
    read_all(database)
    LatestRun.objects.exclude(run=TaskRun.objects.aggregate(newest=Max("pk"))["newest"]).delete()
    read_all(database)
    assert sorted(noted()) == [task.pk for task in tasks[-2:]]


def test_where_nothing_is_new_it_asks_once(make_task, make_run, database):
    make_run(make_task())
    chore = read_all(database)
    with CaptureQueriesContext(connections[database]) as captured:
        assert not chore.work()
    assert len(captured) == 1


def test_an_idle_beat_notes_them(dispatcher, make_task, make_run):
    task = make_task()
    run = make_run(task)
    eventually(lambda: [dispatcher.step(), noted()][-1] == {task.pk: run.pk})


def test_beats_note_side_by_side(make_task, make_run, database):
    tasks = [make_task(f"task {number}") for number in range(20)]
    last = {task.pk: [make_run(task, ago=ago) for ago in (90, 80, 70)][-1].pk for task in tasks}

    def beat():
        chore = LatestRuns(database)
        # Whoever finds rows held looks again in the next round.
        eventually(lambda: not chore.work() and noted() == last)

    side_by_side(database, beat)
    assert noted() == last


@pytest.mark.usefixtures("database")
def test_a_row_that_somebody_holds_is_waited_for_by_nobody(make_task, make_run, database):
    if not connections[database].features.has_select_for_update_skip_locked:
        pytest.skip("one writer at a time")
    task = make_task()
    make_run(task, ago=90)
    read_all(database)
    newer = make_run(task, ago=80)
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic(using=database):
            list(LatestRun.objects.select_for_update())
            held.set()
            done.wait(30)
        connections[database].close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    chore = LatestRuns(database)
    assert not chore.work()
    done.set()
    holder.join()
    chore.work()
    assert noted() == {task.pk: newer.pk}


class TestRubbish:
    def test_deleted_schedules_leave_none(self, make_task, make_run, database):
        for number in range(3):
            make_run(make_task(f"task {number}"))
        read_all(database)
        delete_tasks(PeriodicTask.objects.filter(name="task 0"))
        PeriodicTask.objects.get(name="task 1").delete()
        assert len(noted()) == 1
        PeriodicTask.objects.all()._raw_delete(database)
        reconcile(database)
        assert noted() == {}

    def test_runs_of_deleted_schedules_are_not_noted(self, make_task, make_run, database):
        task = make_task()
        make_run(task)
        task.delete()
        read_all(database)
        assert noted() == {}

    def test_a_run_that_is_pruned_takes_its_note_along(self, make_task, make_run, database):
        task = make_task()
        run = make_run(task)
        read_all(database)
        pruning.delete([run.pk], database)
        assert noted() == {}

    def test_a_late_writer_changes_nothing(self, make_task, make_run, database):
        task = make_task()
        older, newer = make_run(task, ago=90), make_run(task, ago=80)
        assert note({task.pk: (newer.slot, newer.pk)}, database)
        assert note({task.pk: (older.slot, older.pk)}, database)
        assert noted() == {task.pk: newer.pk}


@pytest.fixture
def listed(database, client):
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "secret"))

    def get(order):
        url = reverse("admin:django_celery_beat_periodictask_changelist")
        response = client.get(url, {"o": order})
        return [task.name for task in response.context["cl"].result_list]

    return get


class TestList:
    def test_sorted_by_how_the_last_run_ended(self, listed, make_task, make_run, database):
        for name, columns in {
            "d failed": {"outcome": "FAILURE"},
            "c failed": {"outcome": "FAILURE"},
            "b refused": {"outcome": "REJECTED"},
            "z skipped": {"state": "skipped"},
        }.items():
            task = make_task(name)
            make_run(task, ago=900, outcome="REVOKED")
            make_run(task, **columns)
        make_task("a never")
        read_all(database)
        known = ["c failed", "d failed", "b refused", "z skipped"]
        assert listed(LAST_RUN) == [*known, "a never"]
        assert listed(-LAST_RUN) == ["z skipped", "b refused", "c failed", "d failed", "a never"]

    def test_sorted_by_lateness(self, listed, make_task, make_run, database, clock):
        make_run(make_task("much"), late=30)
        make_run(make_task("jitter"), late=40, due_at=clock() - 30 * SECOND)
        make_run(make_task("little"), late=1)
        make_run(make_task("missed"), state="missed")
        make_task("a never")
        read_all(database)
        assert listed(LATE_BY) == ["little", "jitter", "much", "a never", "missed"]
        assert listed(-LATE_BY) == ["much", "jitter", "little", "a never", "missed"]
