"""The list of workers: its tabs, its figures, where they lead."""

import datetime as dt

import pytest
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from djtaskq.admin import audit
from djtaskq_monitor.models import WorkerState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import folding
from tests.monitoring import NOW, event, success
from tests.waiting import eventually

LIST = reverse("admin:djtaskq_monitor_workerstate_changelist")


@pytest.fixture
def workers(database):
    now = timezone.now()
    long_ago = now - dt.timedelta(hours=1)
    made = {
        "idle@h": {"last_heartbeat": now},
        "busy@h": {"last_heartbeat": now, "active": 2, "queues": "mail\nreports", "sw_ver": "5.7.0"},
        "lost@h": {"last_heartbeat": long_ago, "active": 1},
        "gone@h": {"last_heartbeat": long_ago, "offline_since": long_ago},
    }
    return {name: WorkerState.objects.create(hostname=name, **fields) for name, fields in made.items()}


def listed(client, **query):
    response = client.get(LIST, query)
    assert response.status_code == 200
    return response, [row.hostname for row in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("online", ["busy@h", "idle@h"]),
        ("busy", ["busy@h"]),
        ("lost", ["lost@h"]),
        ("offline", ["gone@h"]),
    ],
)
def test_a_tab_holds_the_workers_of_its_status(workers, admin_client, status, names):
    response, found = listed(admin_client, status=status)
    assert found == names
    html = response.content.decode()
    assert f'href="{LIST}?status={status}" aria-current="page"' in html


def test_the_tabs_count_and_a_search_finds_by_a_part_of_the_name(workers, admin_client):
    html = listed(admin_client)[0].content.decode()
    for label, count in (("All", 4), ("Online", 2), ("Busy", 1), ("Lost", 1), ("Offline", 1)):
        assert f'{label} <span class="djtaskq-tab-count">{count}</span>' in html
    assert "2 tasks run." in html
    assert "1 more ran on a lost worker" in html
    assert listed(admin_client, q="USY")[1] == ["busy@h"]


def test_what_a_worker_did_in_a_day_leads_to_the_tasks(database, admin_client):
    shift = timezone.now().timestamp() - NOW
    recorder = Recorder(10_000)
    told = [*success("good", worker="w@h"), *success("bad", worker="w@h")[:-1]]
    told.append(event("task-failed", 0.9, uuid="bad", hostname="w@h", exception="ValueError()"))
    for each in told:
        recorder.take(each | {"timestamp": each["timestamp"] + shift})
    assert not store.write(recorder.swap(), using=database)[0]
    folding.fold(using=database)
    html = listed(admin_client)[0].content.decode()
    tasks = reverse("admin:djtaskq_monitor_taskstate_changelist")
    for state in ("FAILURE", "SUCCESS"):
        assert f'<a class="djtaskq-number" href="{tasks}?worker=w%40h&amp;state={state}">1</a>' in html


def test_a_list_that_did_not_change_is_not_made_again(workers, admin_client):
    def again(**headers):
        return admin_client.get(LIST, headers={"X-Djtaskq-Live": "1", **headers})

    # The seconds in which a worker may be lost go on meanwhile.
    eventually(lambda: again(**{"If-None-Match": again()["ETag"]}).status_code == 304)
    tag = again()["ETag"]
    WorkerState.objects.filter(hostname="idle@h").update(last_update=timezone.now() + dt.timedelta(seconds=9))
    assert again(**{"If-None-Match": tag}).status_code == 200


def test_commands_of_the_list_are_opened_for_all_that_were_selected(workers, admin_client):
    pks = [workers["idle@h"].pk, workers["busy@h"].pk]
    data = {"action": "rate-limit", "index": 0, "_selected_action": pks}
    html = admin_client.post(LIST, data).content.decode()
    assert "On 2 workers" in html
    assert f'name="workers" value="{pks[1]},{pks[0]}"' in html
    assert 'name="rate_limit"' in html


def test_a_worker_that_is_not_there_and_a_tab_that_is_not_are_said(workers, admin_client):
    page = reverse("admin:djtaskq_monitor_workerstate_change", args=[workers["idle@h"].pk])
    assert admin_client.get(page, {"tab": "nope"}).status_code == 404
    assert admin_client.get(reverse("admin:djtaskq_monitor_workerstate_change", args=[0])).status_code == 302
    assert (
        admin_client.get(reverse("admin:djtaskq_monitor_workerstate_change", args=["x"])).status_code == 302
    )
    for name in ("nope", "custom-nope", "election", "custom-election", "hello"):
        url = reverse("admin:djtaskq_monitor_workerstate_command", args=[name])
        assert admin_client.post(url, {"workers": "1"}).status_code == 404


def test_the_log_is_written_ahead_and_completed_for_each_row(workers, rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    rows = [workers["idle@h"], workers["busy@h"]]
    written = audit.write(request, rows, "Do it", model=WorkerState)
    assert {action.text for action in audit.recent(WorkerState)} == {"Do it: under way"}
    written.complete_each({rows[0].pk: "done"})
    assert [action.text for action in audit.recent(WorkerState, rows[0].pk)] == ["Do it: done"]
    assert [action.text for action in audit.recent(WorkerState, rows[1].pk)] == ["Do it: under way"]
    audit.write(request, [], "Revoke x", model=WorkerState).complete("fine")
    assert [action.text for action in audit.recent(WorkerState, rows[1].pk)] == [
        "Revoke x: fine",
        "Do it: under way",
    ]
    assert audit.recent(WorkerState)[0].object_repr == "all workers"


@override_settings(DJTASKQ={"MONITOR_CONTROL_SECONDS": 0.1})
def test_a_page_is_there_before_the_worker_is_asked(workers, admin_client):
    page = reverse("admin:djtaskq_monitor_workerstate_change", args=[workers["busy@h"].pk])
    html = admin_client.get(page, {"tab": "queues"}).content.decode()
    assert "mail, reports" in html
    assert "data-ask-url" in html
