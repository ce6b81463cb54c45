"""Deleting many periodic tasks: a fixed number of statements for each batch, and nothing else is lost."""

import pytest
from django.db import connections
from django.db.models import ProtectedError
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from djtaskq_beat import deletion
from djtaskq_beat.deletion import delete_schedules, delete_tasks
from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from tests.contract.beat.conftest import captured, settle


def test_what_belongs_to_a_task_goes_and_its_history_stays(dispatcher, make_task, make_due, database):
    task, other = make_task(), make_task("other")
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    RunPolicy.objects.create(periodic_task=task)
    assert delete_tasks(PeriodicTask.objects.filter(name="task")) == 1
    assert NextRun.objects.get().pk == PeriodicTask.objects.get().pk == other.pk
    assert not RunPolicy.objects.exists()
    assert TaskRun.objects.filter(name="task").exists()


def test_the_statements_of_a_batch_do_not_grow_with_its_rows(many, database, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH", 100)
    many(5)
    few = captured(database, lambda: delete_tasks(PeriodicTask.objects.all()))
    many(100)
    assert captured(database, lambda: delete_tasks(PeriodicTask.objects.all())) == few
    many(300)
    assert captured(database, lambda: delete_tasks(PeriodicTask.objects.all())) < 3 * few
    assert PeriodicTask.objects.count() == NextRun.objects.count() == 0


def test_their_scheduler_learns_of_it_by_one_note(many, database):
    many(10)
    PeriodicTasks.objects.all().delete()
    with CaptureQueriesContext(connections[database]) as queries:
        delete_tasks(PeriodicTask.objects.all())
    written = [query for query in queries if "periodictasks" in query["sql"] and "INSERT" in query["sql"]]
    assert len(written) == 1
    assert PeriodicTasks.last_change() is not None
    PeriodicTasks.objects.all().delete()
    assert delete_tasks(PeriodicTask.objects.all()) == 0
    assert PeriodicTasks.last_change() is None


def test_receivers_of_the_projects_own_are_called_for_each(many):
    many(3)
    called = []

    def note(signal, instance, **_rest):
        called.append((signal is pre_delete, instance.name))

    for signal in (pre_delete, post_delete):
        signal.connect(note, sender=PeriodicTask)
    try:
        delete_tasks(PeriodicTask.objects.all())
    finally:
        for signal in (pre_delete, post_delete):
            signal.disconnect(note, sender=PeriodicTask)
    names = [f"task {number:05}" for number in range(3)]
    assert sorted(called) == sorted((before, name) for before in (True, False) for name in names)


def test_what_was_deleted_before_an_error_stays_deleted_and_is_noted(many, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH", 2)
    many(5)
    PeriodicTasks.objects.all().delete()

    def protect(instance, **_rest):
        if instance.name == "task 00003":
            raise ProtectedError("kept", [instance])

    pre_delete.connect(protect, sender=PeriodicTask)
    try:
        with pytest.raises(ProtectedError):
            delete_tasks(PeriodicTask.objects.all())
    finally:
        pre_delete.disconnect(protect, sender=PeriodicTask)
    assert PeriodicTask.objects.count() == 3
    assert PeriodicTasks.last_change() is not None


def test_a_schedule_takes_its_tasks_along_in_batches(many, minutely, make_task, database):
    many(30)
    other = make_task("other")
    assert delete_schedules(CrontabSchedule.objects.filter(pk=minutely.pk)) == 30
    assert PeriodicTask.objects.get() == other
    assert not CrontabSchedule.objects.exists()
    assert NextRun.objects.count() == 1


def crontabs(count):
    return CrontabSchedule.objects.bulk_create(CrontabSchedule(minute=str(number)) for number in range(count))


@pytest.mark.parametrize(
    "make",
    [lambda number: CrontabSchedule(minute=str(number)), lambda number: IntervalSchedule(every=number)],
    ids=["crontab", "interval"],
)
def test_many_schedules_are_one_statement_and_one_note(database, make):
    PeriodicTasks.objects.all().delete()
    model = type(make(1))

    def statements(count):
        model.objects.bulk_create(make(number) for number in range(1, count + 1))
        return captured(database, lambda: delete_schedules(model.objects.all()))

    few, many = statements(2), statements(59)
    assert many <= few
    assert not model.objects.exists()
    assert PeriodicTasks.last_change() is not None


def test_whoever_listens_to_the_deletion_of_a_schedule_is_called_for_each(database):
    called = []

    def note(instance, **_rest):
        called.append(instance.minute)

    crontabs(3)
    post_delete.connect(note, sender=CrontabSchedule)
    try:
        delete_schedules(CrontabSchedule.objects.all())
    finally:
        post_delete.disconnect(note, sender=CrontabSchedule)
    assert sorted(called) == ["0", "1", "2"]
    assert not CrontabSchedule.objects.exists()
