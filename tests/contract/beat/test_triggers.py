"""The triggers themselves: who fires them, what they cost, and how they come and go."""

import datetime as dt
import threading

import pytest
from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun, RunPolicy
from djtaskq_beat.rows import _PLANNED
from djtaskq_beat.triggers import SCHEDULE_FIELDS, TASK_FIELDS, ask_active
from tests.contract.beat.conftest import settle


def by_sql(statement):
    def change(task, database):
        with connections[database].cursor() as cursor:
            cursor.execute(statement, [task.pk])

    return change


def by_bulk_update(task, database):
    task.one_off = True
    PeriodicTask.objects.bulk_update([task], ["one_off"])


def by_a_historical_model(task, database):
    state = MigrationLoader(connections[database]).project_state()
    state.apps.get_model("django_celery_beat.PeriodicTask").objects.using(database).filter(pk=task.pk).update(
        args="[1]"
    )


def by_swapping_the_schedule(task, database):
    IntervalSchedule.objects.filter(pk=task.interval_id).update(every=F("every") + 1)


def by_a_policy(task, database):
    RunPolicy.objects.bulk_create([RunPolicy(periodic_task=task, jitter=5)])


def by_changing_a_policy(task, database):
    by_a_policy(task, database)
    NextRun.objects.update(changed_at=None)
    RunPolicy.objects.update(jitter=6)


def by_removing_a_policy(task, database):
    by_a_policy(task, database)
    NextRun.objects.update(changed_at=None)
    RunPolicy.objects.all()._raw_delete(database)


WAYS = {
    "update": lambda task, _: PeriodicTask.objects.filter(pk=task.pk).update(enabled=False),
    "bulk update": by_bulk_update,
    "SQL": by_sql("UPDATE django_celery_beat_periodictask SET expire_seconds = 5 WHERE id = %s"),
    "SQL on the schedule": by_sql(
        "UPDATE django_celery_beat_intervalschedule SET period = 'hours' WHERE id ="
        " (SELECT interval_id FROM django_celery_beat_periodictask WHERE id = %s)"
    ),
    "a historical model": by_a_historical_model,
    "the schedule": by_swapping_the_schedule,
    "a new policy": by_a_policy,
    "a changed policy": by_changing_a_policy,
    "no policy any more": by_removing_a_policy,
}


@pytest.mark.parametrize("change", WAYS.values(), ids=WAYS)
def test_however_a_task_is_changed_it_is_looked_at_again(change, dispatcher, make_task, database):
    task, other = make_task(every=3600), make_task("other", every=7200)
    settle(dispatcher)
    change(task, database)
    assert {known.pk for known in NextRun.objects.exclude(changed_at=None)} == {task.pk}
    assert NextRun.objects.get(pk=other.pk).run_at > NextRun.objects.get(pk=task.pk).run_at
    settle(dispatcher)
    assert not NextRun.objects.exclude(changed_at=None).exists()


def test_every_column_that_decides_slots_is_watched():
    watched = {
        *TASK_FIELDS,
        *(f"{kind}__{name}" for kind, (_, names) in SCHEDULE_FIELDS.items() for name in names),
    }
    assert {name.removesuffix("_id") for name in _PLANNED} <= watched


def test_what_beat_writes_itself_changes_nothing(dispatcher, make_task, make_due, sent, database):
    task = make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    assert len(sent()) == 1
    PeriodicTask.objects.update(last_run_at=dt.datetime.now(dt.UTC), total_run_count=F("total_run_count") + 1)
    PeriodicTask.objects.update(date_changed=dt.datetime.now(dt.UTC), description="x")
    assert NextRun.objects.get(pk=task.pk).changed_at is None


def test_a_full_save_of_a_stale_instance_without_a_change_marks_nothing(dispatcher, make_task):
    task = make_task()
    settle(dispatcher)
    PeriodicTask.objects.get(pk=task.pk).save()
    assert NextRun.objects.get(pk=task.pk).changed_at is None


def test_a_transaction_that_commits_late_is_seen_after_it_has(dispatcher, make_task, database):
    first = make_task(every=3600)
    settle(dispatcher)
    begun, release = threading.Event(), threading.Event()

    def insert():
        try:
            with transaction.atomic(using=database):
                PeriodicTask.objects.bulk_create(
                    [PeriodicTask(name="late", task="tests.add", interval=first.interval)]
                )
                begun.set()
                release.wait(20)
        finally:
            connections.close_all()

    editor = threading.Thread(target=insert)
    editor.start()
    assert begun.wait(10)
    if database != "sqlite":  # its one writer has everybody wait
        make_task("meanwhile", every=3600)
        settle(dispatcher)
    assert not NextRun.objects.filter(periodic_task__name="late").exists()
    release.set()
    editor.join(20)
    settle(dispatcher)
    assert NextRun.objects.get(periodic_task__name="late").slot is not None


def test_a_task_that_takes_the_name_of_a_deleted_one_is_another_task(dispatcher, make_task, make_due, sent):
    task = make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    PeriodicTask.objects.filter(pk=task.pk).delete()
    again = make_task()
    settle(dispatcher)
    assert len(sent()) == 1
    assert NextRun.objects.get().pk == again.pk != task.pk
    assert NextRun.objects.get().last_slot is None


def test_an_edit_of_a_schedule_that_10_000_tasks_share_is_one_statement(minutely, database):
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"task {number}", task="tests.add", crontab=minutely) for number in range(10_000)
    )
    IntervalSchedule.objects.create(every=60, period="seconds")
    assert ask_active(database)
    NextRun.objects.update(changed_at=None, run_at=None)
    with CaptureQueriesContext(connections[database]) as captured:
        CrontabSchedule.objects.filter(pk=minutely.pk).update(minute="*/5")
    assert len(captured) == 1
    assert NextRun.objects.exclude(run_at=None).count() == 10_000


def test_a_save_costs_no_more_statements_than_without_us(dispatcher, make_task, database):
    task = make_task()
    assert ask_active(database)
    task.args = "[1]"
    with CaptureQueriesContext(connections[database]) as captured:
        task.save()
    assert not [query for query in captured if "djtaskq_beat" in query["sql"]]
    assert NextRun.objects.get(pk=task.pk).changed_at is not None


def test_without_triggers_the_receivers_mark(dispatcher, make_task, without_triggers):
    task = make_task(every=3600)
    assert NextRun.objects.get().changed_at is not None
    settle(dispatcher)
    task.interval.every = 600
    task.interval.save()
    assert NextRun.objects.get().changed_at is not None
    settle(dispatcher)
    RunPolicy.objects.create(periodic_task=task)
    assert NextRun.objects.get().changed_at is not None


def test_a_write_to_their_tables_never_fails_since_ours_are_gone(make_task, database):
    if database == "sqlite":
        return  # it cannot forgive: see the note on changes past the signals
    task = make_task()
    assert ask_active(database)
    with connections[database].cursor() as cursor:
        cursor.execute("ALTER TABLE djtaskq_beat_nextrun RENAME TO hidden")
        try:
            with transaction.atomic(using=database):
                PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
                IntervalSchedule.objects.update(every=5)
                five = [
                    PeriodicTask(name=f"task {number}", task="t", interval=task.interval)
                    for number in range(5)
                ]
                PeriodicTask.objects.bulk_create(five)
            PeriodicTask.objects.filter(name="task 1")._raw_delete(database)
        finally:
            cursor.execute("ALTER TABLE hidden RENAME TO djtaskq_beat_nextrun")
    assert PeriodicTask.objects.count() == 5


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_a_statement_that_reads_our_table_may_write_theirs(make_task, database):
    """MariaDB lets no trigger write to a table that the statement uses."""
    make_task()
    with connections[database].cursor() as cursor:
        cursor.execute(
            "UPDATE django_celery_beat_periodictask task"
            " JOIN djtaskq_beat_nextrun known ON known.periodic_task_id = task.id SET task.enabled = 0"
        )
    assert PeriodicTask.objects.filter(enabled=False).count() == 1
