"""The pages: what they show, what they escape, and what they cost."""

import datetime as dt

import pytest
from celery import Celery
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse
from django.utils import timezone

from djtaskq.outcomes import outcomes_of
from djtaskq_monitor import checks
from djtaskq_monitor.models import CameraState, TaskState, WorkerState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from tests import urls as tests_urls
from tests.monitoring import NOW, event, heartbeat, message, retried, success

HTML = "<script>alert(1)</script>"
urlpatterns = [*tests_urls.urlpatterns, path("celery/", include("djtaskq_monitor.urls"))]


def record(told, database, now=NOW):
    recorder = Recorder(10_000, clock=lambda: now)
    for each in told:
        recorder.take(each)
    left, set_aside = store.write(recorder.swap(), using=database)
    assert (len(left), set_aside) == (0, 0)


@pytest.fixture
def running_camera(database):
    now = timezone.now()
    return CameraState.objects.create(host="h", pid=1, queue="q", freq=1, started=now, last_write=now)


def page(client, name, *args, **query):
    return client.get(reverse(f"admin:djtaskq_monitor_{name}", args=args), query)


def test_the_list_of_tasks_shows_them_the_latest_first(database, admin_client, running_camera):
    record(success("t-old") + success("t-new", at=60), database)
    html = page(admin_client, "taskstate_changelist").content.decode()
    assert html.index("t-new") < html.index("t-old")
    assert "SUCCESS" in html
    assert "No camera writes" not in html


def test_the_pages_cost_the_same_statements_however_many_rows_there_are(
    database, admin_client, running_camera
):
    def statements(name):
        ContentType.objects.get_for_models(TaskState, WorkerState)  # known from the first page on
        with CaptureQueriesContext(connections[database]) as captured:
            assert page(admin_client, name).status_code == 200
        return len(captured)

    record([heartbeat(0), *(each for number in range(60) for each in success(f"s{number}"))], database)
    before = statements("taskstate_changelist"), statements("workerstate_changelist")
    record([each for number in range(60) for each in success(f"t{number}", worker=f"w{number}@h")], database)
    assert (statements("taskstate_changelist"), statements("workerstate_changelist")) == before
    # Beside the rows: the person, the saved views, the cameras, a count for each state, suggestions.
    assert max(before) <= 24


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "abc"}, ["abcdef"]),
        ({"q": "id:abc"}, ["abcdef"]),
        ({"q": "proj.other"}, ["zzz"]),
        ({"state": "RETRY"}, []),
        ({"q": "none"}, []),
    ],
)
def test_tasks_are_found_by_the_start_of_their_id_by_name_and_by_state(database, admin_client, query, found):
    other = [each | ({"name": "proj.other"} if "name" in each else {}) for each in success("zzz")]
    record(success("abcdef") + other, database)
    html = page(admin_client, "taskstate_changelist", **query).content.decode()
    assert [
        task_id for task_id in ("abcdef", "zzz") if task_id in html.replace(query.get("q", "-") + '"', "")
    ] == found


def test_what_workers_sent_is_escaped_on_every_page(database, admin_client):
    texts = {"args": HTML, "kwargs": HTML, "name": HTML, "queue": HTML, "routing_key": HTML, "exchange": HTML}
    record(
        [
            event("task-sent", 0, **(message(HTML) | texts | {"parent_id": "p" + HTML})),
            event("task-received", 1, **(message(HTML) | texts), hostname=HTML),
            event("task-failed", 2, uuid=HTML, exception=HTML, traceback=HTML, hostname=HTML),
            heartbeat(3, HTML, sw_ident=HTML, sw_ver=HTML, sw_sys=HTML),
        ],
        database,
    )
    task, worker = TaskState.objects.get(), WorkerState.objects.get()
    for response in (
        page(admin_client, "taskstate_changelist"),
        page(admin_client, "taskstate_change", task.pk),
        page(admin_client, "workerstate_changelist"),
        page(admin_client, "workerstate_change", worker.pk),
    ):
        assert response.status_code == 200
        assert HTML not in response.content.decode()
        assert "&lt;script&gt;alert(1)" in response.content.decode()


def test_a_task_s_page_shows_its_times_in_order(database, admin_client):
    record(retried("t"), database)
    html = page(admin_client, "taskstate_change", TaskState.objects.get().pk).content.decode()
    places = [
        html.index(f'<th scope="row">{name}</th>') for name in ("sent", "received", "retried", "succeeded")
    ]
    assert places == sorted(places)
    assert "ValueError: no" in html


def test_a_worker_is_online_lost_or_offline(database, admin_client):
    now = timezone.now().timestamp()
    at = now - NOW
    record([heartbeat(at, "on@h"), heartbeat(at, "off@h", kind="worker-offline")], database, now)
    record([heartbeat(at - 60, "gone@h")], database, now - 60)
    assert {worker.hostname: worker.status() for worker in WorkerState.objects.all()} == {
        "on@h": "online",
        "off@h": "offline",
        "gone@h": "lost",
    }
    assert [worker.is_alive() for worker in WorkerState.objects.order_by("hostname")] == [False, False, True]
    html = page(admin_client, "workerstate_changelist").content.decode()
    assert all(status in html for status in ("online", "offline", "lost"))


@pytest.mark.parametrize("name", ["taskstate", "workerstate", "camerastate"])
def test_an_empty_page_says_how_to_start_a_camera(database, admin_client, name):
    html = page(admin_client, f"{name}_changelist").content.decode()
    assert "celery -A proj events --camera=djtaskq_monitor.camera.Camera" in html


def test_an_empty_page_with_a_running_camera_says_something_else(database, admin_client, running_camera):
    assert "A camera runs" in page(admin_client, "taskstate_changelist").content.decode()
    assert "A camera runs" in page(admin_client, "workerstate_changelist").content.decode()


def test_a_list_says_when_no_camera_writes_it(database, admin_client, running_camera):
    running_camera.last_write -= dt.timedelta(hours=1)
    running_camera.save()
    record(success("t"), database)
    assert "No camera writes at present" in page(admin_client, "taskstate_changelist").content.decode()


def test_the_list_of_tasks_says_what_cannot_be_seen_in_it(
    database, admin_client, running_camera, monkeypatch
):
    record(success("t"), database)
    app = Celery("pages", set_as_current=False)
    monkeypatch.setattr(checks, "current_app", app)
    app.conf.task_send_sent_event = True
    assert "djtaskq-note" not in page(admin_client, "taskstate_changelist").content.decode()
    app.conf.task_send_sent_event = False
    assert "CELERY_TASK_SEND_SENT_EVENT" in page(admin_client, "taskstate_changelist").content.decode()
    running_camera.missed, running_camera.dropped = 1234, 5
    running_camera.away_from = timezone.now() - dt.timedelta(minutes=2)
    running_camera.away_until = timezone.now()
    running_camera.save()
    html = page(admin_client, "taskstate_changelist").content.decode()
    assert "Start workers with -E" in html
    assert "No camera took events from" in html
    assert "MONITOR_MAX_PENDING" in html


def test_a_camera_s_page_tells_what_went_wrong(database, admin_client, running_camera):
    running_camera.last_error = f"no space left {HTML}"
    running_camera.last_error_at = running_camera.away_from = running_camera.away_until = timezone.now()
    running_camera.missed = 7
    running_camera.save()
    html = page(admin_client, "camerastate_change", running_camera.pk).content.decode()
    assert "no space left" in html
    assert HTML not in html
    assert "events of that time are lost" in html


def test_nothing_can_be_added_or_changed(database, admin_client):
    record(success("t"), database)
    pk = TaskState.objects.get().pk
    assert page(admin_client, "taskstate_add").status_code == 403
    url = reverse("admin:djtaskq_monitor_taskstate_change", args=[pk])
    assert admin_client.post(url, {"name": "other"}).status_code == 403


def test_the_page_s_style_and_script_are_files(database, admin_client):
    record(success("t"), database)
    for response in (
        page(admin_client, "taskstate_changelist"),
        page(admin_client, "taskstate_change", TaskState.objects.get().pk),
    ):
        html = response.content.decode()
        assert " style=" not in html
        assert "<style" not in html


def test_outcomes_tell_how_a_task_ended_by_its_events(database):
    record([*success("good"), event("task-failed", 1, uuid="bad", exception="ValueError('no')")], database)
    known = outcomes_of(["good", "bad", "unknown"])
    assert known.keys() == {"good", "bad"}
    assert (known["good"].state, known["good"].runtime, known["good"].error) == ("SUCCESS", 0.7, "")
    assert (known["bad"].state, known["bad"].error) == ("FAILURE", "ValueError('no')")
    assert known["good"].finished.timestamp() == pytest.approx(NOW + 0.9)
    assert "/taskstate/" in known["good"].links[0].url
