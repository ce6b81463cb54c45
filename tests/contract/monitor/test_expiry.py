"""How long rows are kept, by whichever package's settings."""

import datetime as dt

import pytest
from celery import Celery
from django.test import override_settings
from django.utils import timezone

from djtaskq_monitor.models import TaskState
from djtaskq_monitor.recording import expiry

DAY = 86_400


def app(**settings):
    made = Celery("expiry", set_as_current=False)
    made.conf.update(settings)
    return made


def task(state, days):
    TaskState.objects.create(
        task_id=f"{state}-{days}", state=state, tstamp=timezone.now() - dt.timedelta(days=days)
    )


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
    TaskState.objects.bulk_create(
        TaskState(task_id=f"t{n}", state="SUCCESS", tstamp=timezone.now() - dt.timedelta(days=9))
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
