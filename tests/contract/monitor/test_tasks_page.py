"""The page of one task: why it failed, when what happened, and what others know of it."""

import datetime as dt
import json

from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq_monitor.models import TaskState
from tests.contract.monitor.paging import page_of, person, shown, task

TRACEBACK = """Traceback (most recent call last):
  File "/srv/.venv/lib/python3.12/site-packages/celery/app/trace.py", line 453, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/shop/tasks.py", line 12, in charge
    token = order.token(password=given)
ValueError: no such order for {'token': 'hunter2'}
"""
SCRIPT = "<script>alert(1)</script>"


def test_why_it_failed_comes_first_without_its_secrets(viewer):
    row = task(
        state="FAILURE",
        exception="ValueError(\"no such order for {'token': 'hunter2'}\")",
        traceback=TRACEBACK,
    )
    html = shown(viewer, row)
    why = html[html.index('id="djtaskq-why"') :][:1_500]
    assert "no such order for" in why
    assert "/srv/shop/tasks.py" in why
    assert "hunter2" not in html
    assert "[redacted]" in html
    # A line of source tells no secret, and is what one looks for.
    assert "token = order.token(password=given)" in html
    own = html[html.index('<span class="djtaskq-own">') :]
    assert "shop/tasks.py" in own[:80]
    assert "celery/app/trace.py" in html[html.index('<span class="djtaskq-others">') :][:120]


def test_arguments_and_result_are_shown_without_their_secrets(viewer):
    row = task(
        args="('ann', {'password': 'hunter2'})",
        kwargs="{'api_key': 'hunter2', 'note': '" + "n" * 900 + "'}",
        result="{'card_number': 'hunter2', 'total': 5}",
    )
    html = shown(viewer, row)
    assert "hunter2" not in html
    assert html.count("[redacted]") >= 3
    assert "all 946 characters" in html or "characters" in html
    assert "may be cut" in html


def test_real_arguments_stand_in_the_place_of_the_text(viewer):
    row = task(args="(1, ...)", kwargs="{...}")
    TaskResult.objects.create(
        task_id="t", status="SUCCESS", content_type="application/json", content_encoding="utf-8",
        task_args="[1, 22, 333]", task_kwargs=json.dumps({"token": "hunter2", "whole": True}),
    )  # fmt: skip
    html = shown(viewer, row)
    assert "[1, 22, 333]" in html
    assert "as they are stored with the result" in html
    assert "hunter2" not in html


def test_the_timeline_has_waiting_and_running(viewer):
    now = timezone.now()
    at = {
        name: now + dt.timedelta(seconds=after)
        for name, after in (("sent", 0), ("received", 2), ("started", 3), ("succeeded", 63))
    }
    html = shown(viewer, task(runtime=60.0, retries=2, queue="slow", worker_id="one@h", **at))
    timeline = html[html.index('id="djtaskq-timeline"') :]
    assert (
        timeline.index(">sent<")
        < timeline.index(">received<")
        < timeline.index(">started<")
        < timeline.index(">succeeded<")
    )
    assert "waited: 3.00" in timeline
    assert "ran: 1" in timeline
    assert "?queue=slow" in html
    assert "?worker=one%40h" in html


def test_a_state_of_one_s_own_is_said_to_be_one(viewer):
    assert "The task itself set PROGRESS" in shown(viewer, task(state="PROGRESS"))


def test_a_task_is_found_by_its_id(viewer):
    row = task("a/b?c")
    response = viewer.get(reverse("admin:djtaskq_monitor_task", args=["a/b?c"]))
    assert response["Location"] == page_of(row)


def test_of_a_task_that_no_event_told_of_the_result_store_is_asked(viewer):
    TaskResult.objects.create(
        task_id="known", status="FAILURE", content_type="application/json", content_encoding="utf-8",
        result=json.dumps({"exc_type": "ValueError", "exc_message": ["{'token': 'hunter2'} " + SCRIPT]}),
    )  # fmt: skip
    found = viewer.get(reverse("admin:djtaskq_monitor_task", args=["known"]))
    html = found.content.decode()
    assert found.status_code == 404
    assert "No event told of this task" in html
    assert "ValueError" in html
    assert "hunter2" not in html
    assert SCRIPT not in html
    assert (
        reverse("admin:django_celery_results_taskresult_change", args=[TaskResult.objects.get().pk]) in html
    )
    nobody = viewer.get(reverse("admin:djtaskq_monitor_task", args=["\x00" + SCRIPT]))
    assert nobody.status_code == 404
    assert "What others know of it" not in nobody.content.decode()
    assert SCRIPT not in nobody.content.decode()


def test_pages_take_the_permission(database, client):
    row = task()
    urls = [
        page_of(row),
        reverse("admin:djtaskq_monitor_task", args=["t"]),
        reverse("admin:djtaskq_monitor_run_again", args=[row.pk]),
    ]
    assert [client.get(url).status_code for url in urls] == [302, 302, 302]
    person(client)
    assert [client.get(url).status_code for url in urls] == [403, 403, 403]


def test_the_page_is_live(viewer):
    row = task(state="STARTED")
    first = viewer.get(page_of(row), headers={"X-Djtaskq-Live": "1"})
    headers = {"X-Djtaskq-Live": "1", "If-None-Match": first["ETag"]}
    assert viewer.get(page_of(row), headers=headers).status_code == 304
    TaskState.objects.update(writes=2, state="SUCCESS")
    assert viewer.get(page_of(row), headers=headers).status_code == 200


def test_failures_elsewhere_tell_no_secrets_either(database, admin_client):
    task(
        state="FAILURE",
        outcome="FAILURE",
        exception="ValueError(\"no {'token': 'hunter2'}\")",
        name="shop.charge",
    )
    urls = [
        reverse("admin:djtaskq_monitor_dashboard_changelist"),
        reverse("admin:djtaskq_monitor_taskname_page", query={"name": "shop.charge"}),
    ]
    for url in urls:
        html = admin_client.get(url).content.decode()
        assert "[redacted]" in html, url
        assert "hunter2" not in html, url
