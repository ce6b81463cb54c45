"""What the pages of workers and tasks do to a real worker, and what the log says of it; on both brokers."""

import os
import signal
import time

import pytest
from celery import Celery
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from djtaskq_monitor.admin import revoking
from djtaskq_monitor.admin.worker_tabs import TABS
from djtaskq_monitor.control.asking import Question, ask_one
from djtaskq_monitor.models import TaskState, WorkerState
from tests.integration.monitor.controlling import APP, NAME
from tests.waiting import eventually

SLOW = f"{APP}.slow"
LIST = reverse("admin:djtaskq_monitor_workerstate_changelist")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_of_control")]


@pytest.fixture
def row(settings):
    settings.DJTASKQ = {"MONITOR_CONTROL_SECONDS": 10.0}
    return WorkerState.objects.create(hostname=NAME, last_heartbeat=timezone.now(), freq=1000)


def task(task_id, state="STARTED"):
    return TaskState.objects.create(task_id=task_id, name=SLOW, state=state, tstamp=timezone.now())


def tab(client, row, name):
    url = reverse("admin:djtaskq_monitor_workerstate_asked", args=[row.pk, name])
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def give(client, name, *rows, **data):
    """POST a command; the messages that the user is shown."""
    url = reverse("admin:djtaskq_monitor_workerstate_command", args=[name])
    workers = ",".join(str(row.pk) for row in rows)
    response = client.post(url, {"workers": workers, **data}, follow=True)
    assert response.status_code == 200
    return response, [str(message) for message in response.context["messages"]]


def logged():
    return [entry.change_message for entry in LogEntry.objects.order_by("pk")]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("pool", "prefork"),
        ("queues", "controlled"),
        ("active", "It runs no task."),
        ("reserved", "It holds no tasks beyond those"),
        ("revoked", "evoked"),
        ("limits", f"{APP}.limited"),
        ("broker", "virtual host"),
        ("configuration", "task_default_queue"),
        ("system", "memory at its peak"),
    ],
)
def test_each_tab_shows_what_the_worker_answers(admin_client, row, name, shown):
    assert name in TABS
    assert shown in tab(admin_client, row, name)


def test_no_secret_of_the_configuration_or_of_a_task_is_shown(admin_client, row, control_app):
    assert "not to be seen" not in tab(admin_client, row, "configuration")
    seen = task("with-password")
    control_app.send_task(SLOW, (30,), {"password": "hunter2"}, task_id="with-password")
    html = eventually(
        lambda: (found := tab(admin_client, row, "active")) and "with-password" in found and found, timeout=20
    )
    assert "hunter2" not in html
    assert reverse("admin:djtaskq_monitor_taskstate_change", args=[seen.pk]) in html
    give(admin_client, "terminate", ids="with-password", signal="SIGKILL", confirmed="yes")
    eventually(lambda: "It runs no task." in tab(admin_client, row, "active"), timeout=20)


def test_a_command_is_done_and_stands_in_the_log_with_its_answer(admin_client, row):
    _response, told = give(admin_client, "rate-limit", row, task_name=SLOW, rate_limit="10/m")
    said = f"Rate limit of {SLOW}: 10/m"
    assert told == [f"{said} – {NAME}: new rate limit set successfully"]
    assert logged() == [f"{said}: new rate limit set successfully"]
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_repr, entry.object_id) == ("admin", NAME, str(row.pk))
    page = admin_client.get(reverse("admin:djtaskq_monitor_workerstate_change", args=[row.pk]))
    assert said in page.content.decode()


def test_what_destroys_is_not_done_before_it_is_confirmed(admin_client, row):
    response, _told = give(admin_client, "shutdown", row)
    assert 'name="confirmed" value="yes"' in response.content.decode()
    assert not logged()
    assert give(admin_client, "ping", row)[0].context["answers"][0][0].value == "pong"


def test_what_was_typed_wrong_is_said_and_not_sent(admin_client, row):
    response, _told = give(admin_client, "rate-limit", row, task_name=SLOW, rate_limit="often")
    assert "Write a number, and per what" in response.content.decode()
    response, _told = give(admin_client, "add-consumer", row, queue="q", options="[1]")
    assert "This must be an object" in response.content.decode()
    assert not logged()


def test_several_workers_are_told_and_one_that_is_gone_is_said_to_be_silent(admin_client, row, settings):
    settings.DJTASKQ = {"MONITOR_CONTROL_SECONDS": 2.0}
    gone = WorkerState.objects.create(hostname="gone@control", last_heartbeat=timezone.now())
    _response, told = give(admin_client, "heartbeat", row, gone)
    assert told == [
        f"Heartbeat – {NAME}: done",
        "Heartbeat – gone@control: no answer within 2 s; it may still do it",
    ]
    assert sorted(logged()) == ["Heartbeat: done", "Heartbeat: no answer within 2 s; it may still do it"]


def test_a_stopped_worker_is_said_to_be_silent_within_the_bound(admin_client, row, control_worker, settings):
    settings.DJTASKQ = {"MONITOR_CONTROL_SECONDS": 0.5}
    os.kill(control_worker.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        html = tab(admin_client, row, "pool")
        assert time.monotonic() - began < 2.5
    finally:
        os.kill(control_worker.pid, signal.SIGCONT)
    assert f"{NAME} did not answer within 0.5 s." in html


def test_a_broker_that_is_away_is_said_and_nothing_is_logged_as_done(admin_client, row, control_app):
    Celery("away", broker="redis://127.0.0.1:1/0").set_current()
    try:
        _response, told = give(admin_client, "heartbeat", row)
        assert "Nothing was done. The broker cannot be reached" in told[0]
        assert "The broker cannot be reached" in tab(admin_client, row, "pool")
    finally:
        control_app.set_current()
    assert [text.split(".")[0] for text in logged()] == ["Heartbeat: not done"]


def test_a_task_is_revoked_from_its_page_and_the_log_has_it(admin_client, row, control_app):
    waiting = task("never-begun", "RECEIVED")
    url = reverse("admin:djtaskq_monitor_taskstate_revoke", args=[waiting.pk])
    assert admin_client.get(url).status_code == 405
    response = admin_client.post(url)
    assert response["Location"] == reverse("admin:djtaskq_monitor_taskstate_change", args=[waiting.pk])
    assert "never-begun" in ask_one(control_app, Question(method="revoked"), NAME, seconds=10).value
    entry = LogEntry.objects.get()
    assert entry.object_id == str(waiting.pk)
    assert entry.change_message.startswith(f"Revoke: {NAME}: tasks ")


def test_terminating_a_task_is_confirmed_and_ends_it(admin_client, row, control_app):
    running = task("running")
    control_app.send_task(SLOW, (60,), task_id="running")
    eventually(lambda: "running" in tab(admin_client, row, "active"), timeout=20)
    url = reverse("admin:djtaskq_monitor_taskstate_terminate", args=[running.pk])
    assert 'name="confirmed"' in admin_client.post(url).content.decode()
    assert not logged()
    admin_client.post(url, {"confirmed": "yes", "signal": "SIGKILL"})
    eventually(lambda: "It runs no task." in tab(admin_client, row, "active"), timeout=20)
    assert logged()[0].startswith(f"Terminate with SIGKILL: {NAME}: terminate: running")


def test_tasks_of_the_list_are_revoked_together_without_those_that_have_ended(
    admin_client, row, control_app, monkeypatch
):
    rows = [task("one", "RECEIVED"), task("two", "RECEIVED"), task("three", "SUCCESS")]
    url = reverse("admin:djtaskq_monitor_taskstate_changelist")
    data = {"action": "revoke", "index": 0, "_selected_action": [each.pk for each in rows]}
    assert "2 tasks that have not ended" in admin_client.post(url, data).content.decode()
    monkeypatch.setattr(revoking, "MOST", 1)
    response = admin_client.post(url, data, follow=True)
    assert "More than 1 of these tasks" in str(*response.context["messages"])
    monkeypatch.setattr(revoking, "MOST", 2)
    admin_client.post(url, {**data, "confirmed": "yes", "up_to": rows[-1].pk})
    revoked = ask_one(control_app, Question(method="revoked"), NAME, seconds=10).value
    assert {"one", "two"} <= set(revoked)
    assert "three" not in revoked
    assert sorted(LogEntry.objects.values_list("object_id", flat=True)) == sorted(
        str(each.pk) for each in rows[:2]
    )


def test_what_a_worker_answers_is_escaped(admin_client, row, control_app):
    html = "<script>alert(1)</script>"
    give(admin_client, "add-consumer", row, queue=html)
    shown = eventually(lambda: (found := tab(admin_client, row, "queues")) and "alert(1)" in found and found)
    assert html not in shown
    give(admin_client, "cancel-consumer", row, queue=html)
    control_app.send_task(SLOW, (60, html), task_id=html)
    control_app.send_task(f"{APP}.add", (html, html), task_id="later", countdown=600)
    shown = eventually(lambda: (found := tab(admin_client, row, "scheduled")) and "later" in found and found)
    assert '<th scope="col">Runs</th>' in shown
    for name in ("active", "reserved", "scheduled"):
        assert html not in tab(admin_client, row, name)
    give(admin_client, "revoke", ids="later")
    _response, told = give(admin_client, "terminate", ids=html, signal="SIGKILL", confirmed="yes")
    assert "alert(1)" in told[0]
    for url in (LIST, reverse("admin:djtaskq_monitor_workerstate_change", args=[row.pk])):
        assert html not in admin_client.get(url).content.decode()
    assert html not in tab(admin_client, row, "revoked")
    eventually(lambda: "It runs no task." in tab(admin_client, row, "active"), timeout=20)


def test_all_tasks_that_a_filter_leaves_are_revoked_and_none_that_came_after(admin_client, row, control_app):
    wanted = [task(f"waits-{number}", "RECEIVED") for number in range(3)]
    task("runs", "STARTED")
    url = reverse("admin:djtaskq_monitor_taskstate_changelist", query={"state": "RECEIVED"})
    data = {"action": "revoke", "index": 0, "_selected_action": [wanted[0].pk], "select_across": "1"}
    response = admin_client.post(url, data)
    assert response.context["count"] == 3
    late = task("came-after", "RECEIVED")
    admin_client.post(url, {**data, "confirmed": "yes", "up_to": response.context["up_to"]})
    revoked = set(ask_one(control_app, Question(method="revoked"), NAME, seconds=10).value)
    assert {each.task_id for each in wanted} <= revoked
    assert not {"runs", late.task_id} & revoked
