"""Taking over the tables of django-celery-monitor and of djcelery, made as their migrations make them."""

# ruff: noqa: DJ001, DJ008  the peers' models are as they are

import datetime as dt
import io

import pytest
from django.apps.registry import Apps
from django.core.management import CommandError, call_command
from django.db import connections, models
from django.test import override_settings
from django.utils import timezone

from djtaskq_monitor.models import FreshStatistics, TaskState, WorkerState

NOW = timezone.now().replace(microsecond=250)
HOUR = dt.timedelta(hours=1)


def peers_models(prefix):
    """The tables of both packages: they differ in their names and in the monitor's `last_update`."""
    registry = Apps()
    given = {"apps": registry, "app_label": prefix}

    class WorkerState(models.Model):
        hostname = models.CharField(max_length=255, unique=True)
        last_heartbeat = models.DateTimeField(null=True, db_index=True)
        if prefix == "celery_monitor":
            last_update = models.DateTimeField(auto_now=True)

        Meta = type("Meta", (), given)

    class TaskState(models.Model):
        state = models.CharField(max_length=64, db_index=True)
        task_id = models.CharField(max_length=36, unique=True)
        name = models.CharField(max_length=200, null=True, db_index=True)
        tstamp = models.DateTimeField(db_index=True)
        args = models.TextField(null=True)
        kwargs = models.TextField(null=True)
        eta = models.DateTimeField(null=True)
        expires = models.DateTimeField(null=True)
        result = models.TextField(null=True)
        traceback = models.TextField(null=True)
        runtime = models.FloatField(null=True)
        retries = models.IntegerField(default=0)
        hidden = models.BooleanField(default=False, db_index=True)
        worker = models.ForeignKey(WorkerState, models.CASCADE, null=True)

        Meta = type("Meta", (), given)

    return WorkerState, TaskState


@pytest.fixture(params=["celery_monitor", "djcelery"])
def peer(request, database):
    made = peers_models(request.param)
    with connections[database].schema_editor() as editor:
        for model in made:
            editor.create_model(model)
    yield made
    with connections[database].schema_editor() as editor:
        for model in reversed(made):
            editor.delete_model(model)


@pytest.fixture
def recorded(peer, database):
    """Two workers, and a task in each of several states."""
    workers, tasks = peer
    seen = workers.objects.using(database).create(hostname="celery@one", last_heartbeat=NOW)
    workers.objects.using(database).create(hostname="celery@two", last_heartbeat=None)
    common = {"name": "proj.add", "args": "(1,)", "kwargs": "{}", "worker": seen}
    rows = [
        tasks(task_id="a", state="SUCCESS", tstamp=NOW - HOUR, result="3", runtime=0.25, **common),
        tasks(task_id="b", state="FAILURE", tstamp=NOW, result="ValueError()", traceback="Trace…", **common),
        tasks(task_id="c", state="STARTED", tstamp=NOW, retries=2, eta=NOW + HOUR, **common),
        tasks(task_id="d", state="SUCCESS", tstamp=NOW - 48 * HOUR),
        tasks(task_id="e", state="FAILURE", tstamp=NOW - 48 * HOUR),
        tasks(task_id="f", state="SUCCESS", tstamp=NOW, hidden=True),
        tasks(task_id="", state="SUCCESS", tstamp=NOW),
    ]
    tasks.objects.using(database).bulk_create(rows)
    return tasks


def run(database, *options):
    told = io.StringIO()
    call_command("import_monitor_states", "--database", database, "--no-progress", *options, stdout=told)
    return told.getvalue()


def test_tasks_and_workers_are_taken_over(database, recorded):
    assert "4 tasks and 2 workers taken over; 2 tasks left" in run(database)
    rows = {row.task_id: row for row in TaskState.objects.all()}
    assert set(rows) == {"a", "b", "c", "e"}
    success, failure, started = rows["a"], rows["b"], rows["c"]
    assert (success.state, success.name, success.args, success.kwargs) == (
        "SUCCESS",
        "proj.add",
        "(1,)",
        "{}",
    )
    assert (success.result, success.runtime, success.worker.hostname) == ("3", 0.25, "celery@one")
    assert success.tstamp == success.succeeded == NOW - HOUR
    assert (failure.exception, failure.result, failure.traceback) == (
        "ValueError()",
        "ValueError()",
        "Trace…",
    )
    assert (started.retries, started.eta, started.started) == (2, NOW + HOUR, NOW)
    assert rows["e"].worker_id is None
    workers = dict(WorkerState.objects.values_list("hostname", "last_heartbeat"))
    assert workers == {"celery@one": NOW, "celery@two": None}


def test_doing_it_again_changes_nothing(database, recorded):
    run(database)
    before = list(TaskState.objects.order_by("task_id").values_list("task_id", "state", "tstamp", "result"))
    counted = FreshStatistics.objects.count()
    assert "4 tasks and 2 workers taken over" in run(database)
    assert (
        list(TaskState.objects.order_by("task_id").values_list("task_id", "state", "tstamp", "result"))
        == before
    )
    assert (WorkerState.objects.count(), FreshStatistics.objects.count()) == (2, counted)


def test_what_a_camera_knows_better_stays(database, recorded):
    TaskState.objects.update_state("SUCCESS", "c", {"tstamp": NOW + HOUR, "result": "9"})
    run(database)
    row = TaskState.objects.get(task_id="c")
    assert (row.state, row.result, row.started) == ("SUCCESS", "9", NOW)


def test_a_dry_run_takes_nothing(database, recorded):
    told = run(database, "--dry-run")
    assert "4 tasks and 2 workers to be taken over; 2 tasks left, as their time has come" in told
    assert "1 rows left that have no usable id" in told
    assert not TaskState.objects.exists()
    assert not WorkerState.objects.exists()


@override_settings(DJTASKQ={"MONITOR_EXPIRE_SUCCESS": None})
def test_what_is_kept_for_ever_is_taken_over_however_old(database, recorded):
    run(database)
    assert TaskState.objects.filter(task_id="d").exists()


def test_thousands_of_rows_are_taken_over_in_batches(database, peer):
    tasks = peer[1].objects.using(database)
    tasks.bulk_create(peer[1](task_id=f"t{n}", state="SUCCESS", tstamp=NOW) for n in range(2_500))
    assert "2,500 tasks" in run(database)
    assert TaskState.objects.count() == 2_500


def test_a_database_without_their_tables_is_told(database):
    with pytest.raises(CommandError, match="Name another one with --database"):
        run(database)
