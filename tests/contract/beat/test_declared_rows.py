"""What becomes of a declared task's row: kept, removed, back again, in somebody's hands."""

import pytest
from celery import schedules
from django.db import connections
from django.db.models import Value
from django.test.utils import CaptureQueriesContext
from django_celery_beat import schedulers as theirs
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.declared import MOST, Declarer
from djtaskq_beat.models import DeclaredTask, NextRun
from tests.contract.beat.conftest import settle
from tests.contract.beat.declaring import another_connection_holds, install
from tests.waiting import eventually

ONE = {"task": "tests.add", "schedule": 60, "kwargs": {"token": "declared"}}
OTHER = {"task": "tests.other", "schedule": 60}


def test_edits_are_kept_where_the_row_says_so_and_said_once(app, database, caplog):
    caplog.set_level("INFO")
    install(app, database, {"one": ONE})
    PeriodicTask.objects.update(task="tests.mine", kwargs='{"token": "mine"}')
    DeclaredTask.objects.update(keep_edits=True)
    declarer = install(app, database, {"one": ONE})
    assert PeriodicTask.objects.get().task == "tests.mine"
    declarer._look_at = 0
    declarer.look()
    (said,) = [record.getMessage() for record in caplog.records if "keeps its edits" in record.getMessage()]
    assert "task is 'tests.mine', not 'tests.add'" in said
    assert "other kwargs" in said
    assert 'mine"' not in said
    DeclaredTask.objects.update(keep_edits=False)
    install(app, database, {"one": ONE})
    assert PeriodicTask.objects.get().task == "tests.add"


def test_a_removed_entry_is_disabled_and_back_again_with_it(app, database, dispatcher):
    install(app, database, {"one": ONE, "two": ONE})
    settle(dispatcher)
    install(app, database, {"two": ONE})
    removed = PeriodicTask.objects.get(name="one")
    assert not removed.enabled
    assert removed.declared_task.removed_at is not None
    assert PeriodicTask.objects.get(name="two").enabled
    settle(dispatcher)
    assert NextRun.objects.get(pk=removed.pk).run_at is None
    install(app, database, {"one": OTHER, "two": ONE})
    back = PeriodicTask.objects.get(name="one")
    assert (back.enabled, back.task, back.declared_task.removed_at) == (True, "tests.other", None)
    settle(dispatcher)
    assert NextRun.objects.get(pk=removed.pk).run_at is not None


def test_what_an_operator_disabled_stays_so_when_its_entry_comes_back(app, database):
    install(app, database, {"one": ONE})
    PeriodicTask.objects.update(enabled=False)
    install(app, database, {})
    assert not DeclaredTask.objects.exists()
    install(app, database, {"one": ONE})
    assert not PeriodicTask.objects.get().enabled


def test_a_removed_entry_that_an_operator_enabled_stays_enabled(app, database):
    install(app, database, {"one": ONE})
    install(app, database, {})
    PeriodicTask.objects.update(enabled=True)
    install(app, database, {"two": ONE})
    assert PeriodicTask.objects.get(name="one").enabled


def test_a_removed_entry_whose_edits_are_kept_goes_on(app, database):
    install(app, database, {"one": ONE})
    DeclaredTask.objects.update(keep_edits=True)
    install(app, database, {})
    assert PeriodicTask.objects.get().enabled
    assert DeclaredTask.objects.get().removed_at is None


def test_what_nobody_declared_is_left_alone(app, database, make_task):
    make_task("by hand")
    install(app, database, {"one": ONE})
    install(app, database, {})
    assert PeriodicTask.objects.get(name="by hand").enabled


def test_what_the_other_scheduler_installed_becomes_ours(app, database):
    theirs.ModelEntry.from_entry("one", app=app, **ONE)
    pk = PeriodicTask.objects.get().pk
    PeriodicTask.objects.update(total_run_count=5)
    install(app, database, {"one": ONE})
    task = PeriodicTask.objects.get()
    assert (task.pk, task.total_run_count, task.declared_task.keep_edits) == (pk, 5, False)
    install(app, database, {})
    assert not PeriodicTask.objects.get().enabled


def test_an_entry_that_turns_wrong_leaves_its_row_as_it_is(app, database):
    install(app, database, {"one": ONE})
    install(app, database, {"one": {"task": "tests.add", "schedule": "daily"}})
    assert PeriodicTask.objects.get().enabled


def test_a_row_that_cannot_be_read_is_made_right_and_in_no_others_way(app, database):
    entries = {"one": {"task": "tests.add", "schedule": schedules.crontab()}, "two": ONE}
    install(app, database, entries)
    PeriodicTask.objects.get(name="one").crontab._meta.model.objects.update(timezone=Value("Mars/Olympus"))
    install(app, database, {**entries, "two": OTHER})
    assert str(PeriodicTask.objects.get(name="one").crontab.timezone) == "UTC"
    assert PeriodicTask.objects.get(name="two").task == "tests.other"


def test_what_is_left_of_a_row_that_sql_deleted_is_in_no_way(app, database):
    install(app, database, {"one": ONE})
    PeriodicTask.objects.all()._raw_delete(database)
    install(app, database, {"two": ONE})
    assert PeriodicTask.objects.get().name == "two"
    with CaptureQueriesContext(connections[database]) as captured:
        install(app, database, {"two": ONE})
    assert len(captured) == 3


def test_what_an_operator_deleted_is_made_again(app, database):
    install(app, database, {"one": ONE})
    PeriodicTask.objects.get().delete()
    install(app, database, {"one": ONE})
    assert PeriodicTask.objects.get().declared_task.removed_at is None


def test_many_entries_are_written_a_part_at_a_time(app, database):
    entries = {f"entry {n}": ONE for n in range(MOST + 1)}
    declarer = Declarer(
        {"bad": {**ONE, "options": {"priority": 2**40}}, **entries}, app=app, using=database, name="a"
    )
    assert not declarer.look()
    assert PeriodicTask.objects.count() <= MOST
    assert eventually(declarer.look)
    assert PeriodicTask.objects.count() == MOST + 1
    declarer = Declarer({}, app=app, using=database, name="b")
    assert not declarer.look()
    assert PeriodicTask.objects.filter(enabled=False).count() == MOST
    assert eventually(declarer.look)
    assert not PeriodicTask.objects.filter(enabled=True).exists()


def test_a_row_that_somebody_holds_is_not_waited_for(app, database):
    if not connections[database].features.has_select_for_update_skip_locked:
        pytest.skip("the database cannot pass over a row that is held")
    install(app, database, {"one": ONE, "two": ONE})
    with another_connection_holds(database, PeriodicTask.objects.filter(name="one")):
        declarer = Declarer({"one": OTHER, "two": OTHER}, app=app, using=database, name="b")
        assert not declarer.look()
        assert {task.name: task.task for task in PeriodicTask.objects.all()} == {
            "one": "tests.add",
            "two": "tests.other",
        }
    declarer._look_at = 0
    assert declarer.look()
    assert PeriodicTask.objects.get(name="one").task == "tests.other"
