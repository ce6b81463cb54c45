"""What rows say of themselves, and what it costs the database to change them."""

import datetime as dt

import pytest
from django.db import connections, transaction
from django.test import override_settings
from django.utils import timezone

from djtaskq_monitor import queries
from djtaskq_monitor.models import TaskState, WorkerState
from djtaskq_monitor.recording import events, given
from tests.monitoring import NOW, event, heartbeat, message, retried, success

SECOND = dt.timedelta(seconds=1)
# By django-celery-monitor 1.1.
TASK_FIELDS = {
    *("id", "state", "task_id", "name", "tstamp", "args", "kwargs", "eta", "expires", "result", "traceback"),
    *("runtime", "retries", "worker", "hidden"),
}
WORKER_FIELDS = {"id", "hostname", "last_heartbeat", "last_update", "taskstate_set"}


def merge(told, database):
    for each in told:
        TaskState.objects.using(database).merge([events.read(each, NOW).task])


def names(model):
    return {
        getattr(field, "get_accessor_name", lambda field=field: field.name)()
        for field in model._meta.get_fields()
    }


def test_every_field_and_verb_of_django_celery_monitor_is_there():
    assert names(TaskState) >= TASK_FIELDS
    assert names(WorkerState) >= WORKER_FIELDS
    for verb in (
        "active",
        "expired",
        "expire_by_states",
        "purge",
        "update_state",
        "select_for_update_or_create",
    ):
        assert hasattr(TaskState.objects, verb)
    for verb in ("update_heartbeat", "select_for_update_or_create"):
        assert hasattr(WorkerState.objects, verb)
    assert WorkerState(hostname="w").heartbeat_timestamp is None
    assert not WorkerState(hostname="w").is_alive()


def test_a_row_is_updated_or_created(database):
    rows = WorkerState.objects
    assert rows.select_for_update_or_create(hostname="w", defaults={"pid": 1})[1]
    row, created = rows.select_for_update_or_create(hostname="w", defaults={"pid": 2})
    assert (row.pid, created) == (2, False)


@pytest.mark.parametrize(
    ("freq", "silent", "status"), [(2, 13, "online"), (2, 15, "lost"), (30, 60, "online"), (30, 71, "lost")]
)
@override_settings(DJTASKQ={"MONITOR_WORKER_GRACE": 10.0})
def test_a_worker_is_lost_when_it_is_silent_for_longer_than_its_own_rhythm(freq, silent, status):
    now = timezone.now()
    worker = WorkerState(hostname="w", last_heartbeat=now - silent * SECOND, freq=freq)
    assert worker.status(now) == status
    worker.offline_since = now
    assert worker.status(now) == "offline"


def test_a_worker_s_row_has_what_its_events_tell(database):
    told = [events.read(heartbeat(0, kind="worker-online"), NOW + 0.5).worker]
    WorkerState.objects.merge(told)
    WorkerState.objects.merge([given.worker_queues("celery@one", ["b", "a"], timezone.now())])
    row = WorkerState.objects.get()
    assert (row.pid, row.sw_ident, row.sw_ver, row.active, row.processed) == (7, "py-celery", "5.7.0", 1, 10)
    assert (row.freq, row.loadavg, row.clock_drift) == (2.0, [0.1, 0.2, 0.3], -0.5)
    assert row.first_seen.timestamp() == NOW + 0.5
    assert row.queue_names == ["a", "b"]


def test_a_task_s_row_has_what_its_events_tell(database):
    merge(retried("t"), database)
    row = TaskState.objects.get()
    assert (row.queue, row.routing_key, row.root_id, row.parent_id) == ("celery", "celery", "t", None)
    assert (row.client, row.worker_id, row.retries, row.runtime) == ("celery@one", "celery@one", 1, 0.2)
    assert row.exception == "ValueError('no')"
    assert row.traceback.endswith("ValueError: no\n")
    at = {
        name: getattr(row, name) and round(getattr(row, name).timestamp() - NOW, 6)
        for name in (
            "first_seen",
            "sent",
            "received",
            "started",
            "succeeded",
            "failed",
            "retried",
            "revoked",
            "rejected",
        )
    }
    assert at == {
        "first_seen": 0,
        "sent": 0.3,
        "received": 0.4,
        "started": 1.2,
        "succeeded": 1.4,
        "retried": 0.5,
        "failed": None,
        "revoked": None,
        "rejected": None,
    }
    assert row.outcome == "SUCCESS"
    assert row.repeats == "received:1790000000100000 sent:1790000000000000 started:1790000000200000"


def test_the_wait_is_that_of_the_attempt_that_started(database):
    merge(success("t"), database)
    assert TaskState.objects.get().wait == 0.2
    merge(retried("r")[:5], database)
    assert TaskState.objects.get(task_id="r").wait is None  # sent again, and not yet started
    eta = dt.datetime.fromtimestamp(NOW + 3, dt.UTC).isoformat()
    merge([event("task-sent", 0, **message("e", eta=eta)), event("task-started", 5, uuid="e")], database)
    assert TaskState.objects.get(task_id="e").wait == 2


def test_a_task_that_expired_before_anybody_received_it_is_kept_without_a_name(database):
    merge([event("task-revoked", 0, uuid="t", terminated=False, signum=None, expired=True)], database)
    row = TaskState.objects.get()
    assert (row.state, row.name, row.outcome, row.finished) == ("REVOKED", None, "REVOKED", row.revoked)


def test_a_task_that_goes_on_after_its_end_is_running_again(database):
    merge([event("task-rejected", 0, uuid="t", requeue=True)], database)
    assert TaskState.objects.get().outcome == "REJECTED"
    merge([event("task-received", 1, **message("t"))], database)
    assert (TaskState.objects.get().state, TaskState.objects.get().outcome) == ("RECEIVED", None)


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        ("task_seen", TaskState.objects.all),
        ("task_outcome", lambda: queries.in_state(TaskState.objects.all(), "FAILURE")),
        ("task_outcome", lambda: queries.in_state(TaskState.objects.all(), "STARTED")),
        ("task_name", lambda: TaskState.objects.filter(name="proj.t7")),
        ("task_worker", lambda: TaskState.objects.filter(worker="w7")),
    ],
)
@pytest.mark.parametrize("database", ["default", "sqlite"], indirect=True)
def test_each_list_is_read_by_its_index(database, index, rows):
    changes = []
    for number in range(3_000):
        name, worker = f"proj.t{number % 100}", f"w{number % 50}"
        state = "FAILURE" if number % 100 == 1 else "SUCCESS"
        at = timezone.now() - number * SECOND
        fields = {"name": name, "worker": worker, "tstamp": at}
        changes.append(given.task_change(state, f"t{number}", fields))
    TaskState.objects.merge(changes)
    with connections[database].cursor() as cursor:
        cursor.execute(f"ANALYZE {TaskState._meta.db_table}")
    assert f"djtaskq_monitor_{index}" in rows()[:20].explain()


@pytest.mark.django_db(transaction=True)
def test_postgresql_updates_a_running_task_without_touching_an_index():
    told = success("t")
    steps = [told[2], event("task-progress", 0.3, uuid="t"), event("task-progress", 0.4, uuid="t")]
    merge(told[:2], "default")
    with transaction.atomic():
        updated, in_place = updates()
        merge(steps, "default")
        assert updates() == (updated + 3, in_place + 3)


def updates():
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_updated(oid), pg_stat_get_xact_tuples_hot_updated(oid)"
            " FROM pg_class WHERE relname = %s",
            [TaskState._meta.db_table],
        )
        return cursor.fetchone()
