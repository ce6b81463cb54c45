"""How far a running task is, on the monitor's page of it: the result store tells, no event does."""

import json

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq.admin.live import HEADER
from djtaskq_monitor.models import TaskState

SCRIPT = "<script>alert(1)</script>"
# The session, the person, the row, and the outcome of each app.
MOST_STATEMENTS_UNCHANGED = 5
PERCENT = "\N{NO-BREAK SPACE}%"


def told(**meta):
    return TaskResult.objects.create(
        task_id="t", status="PROGRESS", content_type="application/json", content_encoding="utf-8",
        result=json.dumps(meta),
    )  # fmt: skip


@pytest.fixture
def url(database):
    now = timezone.now()
    row = TaskState.objects.create(task_id="t", name="shop.copy", state="STARTED", tstamp=now, first_seen=now)
    return reverse("admin:djtaskq_monitor_taskstate_change", args=[row.pk])


def test_the_bar_moves_while_the_page_stands_open(database, url, admin_client):
    result = told(current=30, total=120, text=f"{SCRIPT} password=hunter2")
    first = admin_client.get(url, headers={HEADER: "1"})
    html = first.content.decode()
    assert f"30 of 120, 25{PERCENT}" in html
    assert SCRIPT not in html
    assert "hunter2" not in html
    headers = {HEADER: "1", "If-None-Match": first["ETag"]}
    with CaptureQueriesContext(connections[database]) as captured:
        assert admin_client.get(url, headers=headers).status_code == 304
    assert len(captured) <= MOST_STATEMENTS_UNCHANGED, [entry["sql"] for entry in captured]
    result.result = json.dumps({"current": 60, "total": 120})
    result.save()
    assert f"60 of 120, 50{PERCENT}" in admin_client.get(url, headers=headers).content.decode()


def test_a_task_that_has_ended_has_no_bar_whatever_it_said_last(url, admin_client):
    told(current=30, total=120)
    TaskState.objects.update(state="FAILURE", outcome="FAILURE")
    assert "djtaskq-progress" not in admin_client.get(url).content.decode()


def test_a_task_that_no_event_told_of_has_one_too(database, admin_client):
    told(percent=31)
    html = admin_client.get(reverse("admin:djtaskq_monitor_task", args=["t"])).content.decode()
    assert f">31{PERCENT}<" in html
