"""How long rows are kept, by whichever package's settings."""

import datetime as dt

import pytest
from celery import Celery
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq_monitor.models import Series, TaskState, TaskStatistics, WorkerState
from djtaskq_monitor.recording import expiry

DAY = 86_400


def app(**settings):
    made = Celery("expiry", set_as_current=False)
    made.conf.update(settings)
    return made


def task(state, days):
    ago = timezone.now() - dt.timedelta(days=days)
    TaskState.objects.update_state(state, f"{state}-{days}", {"tstamp": ago})


def left():
    return set(TaskState.objects.values_list("task_id", flat=True))


def test_each_kind_of_state_is_kept_for_its_own_time(database):
    for state in ("SUCCESS", "FAILURE", "REVOKED", "RETRY", "STARTED", "REJECTED", "PROGRESS", "CANCELLED"):
        for days in (0.5, 2, 4, 6):
            task(state, days)
    expiry.expire(app(), using=database, most=1_000)
    assert {task_id for task_id in left() if task_id.endswith("-0.5")} == {
        f"{state}-0.5"
        for state in (
            "SUCCESS",
            "FAILURE",
            "REVOKED",
            "RETRY",
            "STARTED",
            "REJECTED",
            "PROGRESS",
            "CANCELLED",
        )
    }
    assert not {"SUCCESS-2", "FAILURE-4", "REVOKED-4", "RETRY-4", "STARTED-6", "PROGRESS-6"} & left()
    assert {"FAILURE-2", "REVOKED-2", "STARTED-4", "REJECTED-4", "PROGRESS-4", "CANCELLED-4"} <= left()


def test_no_more_is_deleted_than_asked_for_and_the_rest_is_told(database):
    ago = timezone.now() - dt.timedelta(days=9)
    TaskState.objects.bulk_create(
        TaskState(task_id=f"t{n}", state="SUCCESS", outcome="SUCCESS", tstamp=ago, first_seen=ago)
        for n in range(2_500)
    )
    assert expiry.expire(app(), using=database, most=1_000) >= 1_000
    assert TaskState.objects.exists()
    while expiry.expire(app(), using=database, most=1_000) >= 1_000:
        pass
    assert not TaskState.objects.exists()


@pytest.mark.parametrize(
    ("celery", "django", "seconds"),
    [
        ({}, {}, DAY),
        ({"monitors_expire_success": 5}, {}, 5),
        ({"monitors_expire_success": dt.timedelta(seconds=5)}, {}, 5),
        ({"monitors_expire_success": None}, {}, None),
        ({"monitor_task_success_expires": 6}, {}, 6),
        ({}, {"CELERYCAM_EXPIRE_SUCCESS": 7}, 7),
        ({}, {"CELERYCAM_EXPIRE_SUCCESS": None}, None),
        ({"monitors_expire_success": 5}, {"CELERYCAM_EXPIRE_SUCCESS": 7}, 5),
        ({"monitors_expire_success": 5}, {"DJTASKQ": {"MONITOR_EXPIRE_SUCCESS": 8}}, 8),
        ({"monitors_expire_success": 5}, {"DJTASKQ": {"MONITOR_EXPIRE_SUCCESS": None}}, None),
    ],
)
def test_the_first_family_of_settings_that_is_given_counts(celery, django, seconds):
    with override_settings(**django):
        expected = None if seconds is None else dt.timedelta(seconds=seconds)
        assert expiry.lifetime(app(**celery), "success") == expected


@override_settings(CELERY_MONITORS_EXPIRE_ERROR=11, CELERY_MONITOR_TASK_PENDING_EXPIRES=12)
def test_celery_s_settings_are_found_in_django_s_under_their_namespace():
    made = Celery("expiry", set_as_current=False)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    assert expiry.lifetime(made, "error") == dt.timedelta(seconds=11)
    assert expiry.lifetime(made, "pending") == dt.timedelta(seconds=12)


def test_a_task_that_runs_long_is_kept_by_its_last_event(database):
    now = timezone.now()
    TaskState.objects.update_state("STARTED", "t", {"tstamp": now - dt.timedelta(days=9)})
    TaskState.objects.update_state("SUCCESS", "t", {"tstamp": now})
    expiry.expire(app(), using=database, most=1_000)
    assert left() == {"t"}


def test_a_row_that_was_made_by_hand_expires_too(database):
    TaskState.objects.create(task_id="t", state="SUCCESS", tstamp=timezone.now() - dt.timedelta(days=9))
    expiry.expire(app(), using=database, most=1_000)
    assert not left()


@pytest.mark.parametrize(("kept", "remaining"), [(3_600, {"now"}), (None, {"now", "old", "parted"})])
def test_workers_that_are_gone_are_removed(database, kept, remaining):
    now = timezone.now()
    old = now - dt.timedelta(hours=2)
    WorkerState.objects.create(hostname="now", last_heartbeat=now, first_seen=old)
    WorkerState.objects.create(hostname="old", last_heartbeat=old, first_seen=old)
    WorkerState.objects.create(hostname="parted", first_seen=old, offline_since=old)
    with override_settings(DJTASKQ={"MONITOR_WORKER_EXPIRE": kept}):
        expiry.expire(app(), using=database, most=1_000)
    assert set(WorkerState.objects.values_list("hostname", flat=True)) == remaining


def test_statistics_are_kept_for_as_long_as_their_resolution_says(database):
    now = timezone.now()
    series = Series.objects.create(name="a", digest="a")
    Series.objects.create(name="unused", digest="b")
    for resolution in (60, 3_600, 86_400):
        for days in (1, 30, 100, 2_000):
            TaskStatistics.objects.create(
                resolution=resolution, at=now - dt.timedelta(days=days), series=series
            )
    expiry.expire(app(), using=database, most=1_000)
    found = [
        (row.resolution, (now - row.at).days) for row in TaskStatistics.objects.order_by("resolution", "-at")
    ]
    assert found == [(60, 1), (3_600, 1), (3_600, 30), (86_400, 1), (86_400, 30), (86_400, 100)]
    assert [row.name for row in Series.objects.all()] == ["a"]


def test_looking_for_what_has_expired_reads_by_an_index(database):
    with CaptureQueriesContext(connections[database]) as statements:
        expiry.expire(app(), using=database, most=1_000)
    asked = [each["sql"] for each in statements if "djtaskq_monitor_taskstate" in each["sql"]]
    assert len(asked) == sum(map(len, expiry.KINDS.values()))
    assert all("first_seen" in sql for sql in asked)
