"""What users of django-celery-monitor call, on every database."""

import datetime as dt

import pytest
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq_monitor.models import TaskState, WorkerState

MINUTE = dt.timedelta(minutes=1)


def state(name, task_id="t", ago=0.0, **fields):
    defaults = {"tstamp": timezone.now() - dt.timedelta(seconds=ago), "name": "proj.add", **fields}
    return TaskState.objects.update_state(state=name, task_id=task_id, defaults=defaults)


def test_update_state_creates_a_task_and_returns_it(database):
    row = state("SUCCESS", args="(1,)", kwargs="{}", result="5", runtime=0.5, retries=1)
    assert (row.state, row.name, row.args, row.result, row.runtime, row.retries) == (
        "SUCCESS",
        "proj.add",
        "(1,)",
        "5",
        0.5,
        1,
    )
    assert row.succeeded == row.tstamp


def test_update_state_never_takes_a_task_back_from_its_end(database):
    state("SUCCESS", result="5", ago=5)
    assert state("RECEIVED", ago=10).state == "SUCCESS"
    row = state("STARTED")
    assert (row.state, row.result) == ("SUCCESS", "5")


def test_update_state_takes_a_worker_or_its_name(database):
    worker = WorkerState.objects.update_heartbeat("w@h", timezone.now(), update_freq=60)
    assert state("STARTED", "a", worker=worker).worker == worker
    assert state("STARTED", "b", worker="w@h").worker == worker
    assert TaskState.objects.filter(worker__hostname="w@h").count() == 2
    assert worker.taskstate_set.count() == 2


def test_result_is_the_exception_of_a_task_that_failed(database):
    row = state("FAILURE", result="ValueError()", traceback="Traceback")
    assert (row.result, row.exception, row.traceback) == ("ValueError()", "ValueError()", "Traceback")


@override_settings(USE_TZ=False)
def test_times_are_kept_without_time_zones_too(database):
    at = dt.datetime(2026, 11, 20, 12, 30, 0, 5)  # noqa: DTZ001  that is what the setting means
    row = TaskState.objects.update_state("SUCCESS", "t", {"tstamp": at, "eta": at})
    assert (row.tstamp, row.eta) == (at, at)


def test_a_heartbeat_is_written_once_in_a_while(database):
    now = timezone.now()
    first = WorkerState.objects.update_heartbeat("w@h", now, update_freq=60)
    assert first.last_heartbeat == now
    assert first.heartbeat_timestamp == now.timestamp()
    again = WorkerState.objects.update_heartbeat("w@h", now + MINUTE, update_freq=60)
    assert again.last_heartbeat == now
    again = WorkerState.objects.update_heartbeat("w@h", now + MINUTE, update_freq=0)
    assert again.last_heartbeat == now + MINUTE
    assert WorkerState.objects.count() == 1


def test_an_older_heartbeat_changes_nothing(database):
    now = timezone.now()
    WorkerState.objects.update_heartbeat("w@h", now, update_freq=0)
    assert WorkerState.objects.update_heartbeat("w@h", now - MINUTE, update_freq=0).last_heartbeat == now
    assert WorkerState.objects.get().is_alive()


def test_expired_tasks_are_hidden_and_then_purged(database):
    for ago, name in ((10, "SUCCESS"), (200, "SUCCESS"), (200, "FAILURE"), (200, "STARTED")):
        state(name, f"{name}-{ago}", ago=ago)
    expired = TaskState.objects.expired({"SUCCESS"}, 100)
    assert [row.task_id for row in expired] == ["SUCCESS-200"]
    assert TaskState.objects.expired({"SUCCESS"}, MINUTE).count() == 1
    assert TaskState.objects.expire_by_states({"SUCCESS", "FAILURE"}, None) is None
    assert TaskState.objects.expire_by_states({"SUCCESS", "FAILURE"}, 100) == 2
    assert {row.task_id for row in TaskState.objects.active()} == {"SUCCESS-10", "STARTED-200"}
    assert TaskState.objects.purge() == 2
    assert TaskState.objects.count() == 2


def test_deleting_in_batches_is_two_statements_for_a_thousand_rows(database):
    now = timezone.now()
    TaskState.objects.bulk_create(
        TaskState(task_id=f"t{n}", state="SUCCESS", tstamp=now) for n in range(2_500)
    )
    with CaptureQueriesContext(connections[database]) as statements:
        assert TaskState.objects.filter(state="SUCCESS").delete_in_batches() == 2_500
    assert len([each for each in statements if "SAVEPOINT" not in each["sql"]]) <= 7 + 6  # BEGIN and COMMIT


def test_deleting_stops_after_about_as_many_as_asked(database):
    now = timezone.now()
    TaskState.objects.bulk_create(
        TaskState(task_id=f"t{n}", state="SUCCESS", tstamp=now) for n in range(2_500)
    )
    assert TaskState.objects.all().delete_in_batches(most=1_000) == 1_000
    assert TaskState.objects.count() == 1_500


@pytest.mark.parametrize(
    ("lookup", "found"),
    [
        ({"tstamp__gte": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, 1),
        ({"tstamp__date": dt.date(2026, 11, 20)}, 1),
        ({"succeeded__lt": dt.datetime(2026, 11, 20, 13, tzinfo=dt.UTC)}, 1),
        ({"succeeded__isnull": True}, 0),
    ],
)
def test_times_can_be_asked_for_in_the_orm_s_words(database, lookup, found):
    at = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    TaskState.objects.update_state("SUCCESS", "t", {"tstamp": at})
    assert TaskState.objects.filter(**lookup).count() == found
