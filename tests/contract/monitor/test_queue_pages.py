"""The pages of queues: what they show, what they cost, who may do what, and what is in the log."""

import datetime as dt
import re
from http import HTTPStatus

import pytest
from celery import Celery
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from djtaskq_monitor.admin import queue_actions
from djtaskq_monitor.brokers import queries, writing
from djtaskq_monitor.brokers.figures import Figures, failed
from djtaskq_monitor.models import CameraState, QueueState, WorkerState
from djtaskq_monitor.recording import given, store
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import folding
from tests.monitoring import NOW, success

HTML = "<script>alert(1)</script>"
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def write(database):
    def write(at=None, **answers):
        writing.write(answers, at or timezone.now(), using=database)

    return write


@pytest.fixture
def online(database):
    """A function that makes a worker that is online, with what it says of its queues; None for nothing."""

    def online(hostname, queues=None):
        now = timezone.now()
        WorkerState.objects.merge([given.worker_change(hostname, now)])
        if queues is not None:
            WorkerState.objects.merge([given.worker_queues(hostname, queues, now)])

    return online


def page(client, name, *args, **query):
    return client.get(reverse(f"admin:djtaskq_monitor_queuestate_{name}", args=args), query)


def html(client, name, *args, **query):
    response = page(client, name, *args, **query)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def row(name="q"):
    return QueueState.objects.get(name=name)


def test_the_list_shows_what_needs_somebody_first(database, admin_client, write, online):
    online("one@h", ["busy", "calm"])
    now = timezone.now()
    write(now - 10 * MINUTE, alone=Figures(length=1))
    write(now, busy=Figures(length=900, unacked=12), calm=Figures(length=0), alone=Figures(length=3))
    writing.fail({"broken": "no access"}, now, using=database)
    shown = html(admin_client, "changelist")
    places = [shown.index(f'data-row="{name}"') for name in ("alone", "broken", "busy", "calm")]
    assert places == sorted(places)
    assert shown.count("no worker, and it grows") == 1
    assert "no access" in shown
    assert "903 messages wait in 4 queues; 1 has no worker." in shown
    assert "one@h" in shown
    filtered = html(admin_client, "changelist", q="US")
    assert 'data-row="busy"' in filtered
    assert 'data-row="calm"' not in filtered


@pytest.mark.parametrize(
    ("consumers", "said", "stuck"),
    [
        (None, ["other"], True),
        (None, None, False),
        (None, ["q"], False),
        (0, None, True),
        (2, ["other"], False),
    ],
)
def test_nobody_takes_from_a_queue_where_the_broker_or_all_workers_say_so(
    write, online, consumers, said, stuck
):
    online("one@h", said)
    write(q=Figures(length=1, consumers=consumers))
    (found,) = queries.queues()
    assert found.stuck is stuck


def test_a_queue_grows_where_it_is_much_longer_than_it_was(database, write, online):
    online("one@h", ["q"])
    now = timezone.now()
    for minutes, length in ((50, 10), (40, 12), (1, 25)):
        write(now - minutes * MINUTE, q=Figures(length=length))
    assert queries.queue(row()).grows
    write(now, q=Figures(length=24))
    assert not queries.queue(row()).grows


def test_the_list_costs_the_same_statements_however_many_queues_there_are(
    database, admin_client, write, online
):
    def statements():
        with CaptureQueriesContext(connections[database]) as captured:
            html(admin_client, "changelist")
        return len(captured)

    write(q=Figures(length=1))
    few = statements()
    for number in range(5):
        online(f"w{number}@h", [f"q{each}" for each in range(50)])
    write(**{f"q{number}": Figures(length=number) for number in range(80)})
    assert statements() == few <= 8


def test_an_empty_list_says_how_to_fill_it(database, admin_client):
    assert "celery -A proj events --camera" in html(admin_client, "changelist")
    now = timezone.now()
    CameraState.objects.create(host="h", pid=1, queue="q", freq=1, started=now, last_write=now)
    assert "A camera runs" in html(admin_client, "changelist")


def test_the_page_shows_workers_tasks_and_how_long_they_waited(database, admin_client, write, online):
    now = timezone.now()
    recorder = Recorder(1_000, clock=now.timestamp)
    for number in range(3):
        for each in success(f"t{number}", at=now.timestamp() - NOW - 60):
            recorder.take(each)
    store.write(recorder.swap(), using=database)
    folding.fold(using=database)
    online("one@h", ["celery"])
    write(celery=Figures(length=2, unacked=1, oldest=now - MINUTE))
    shown = html(admin_client, "change", row("celery").pk)
    assert "one@h" in shown
    assert 'data-row="proj.tasks.add"' in shown
    assert "1 minute ago" in shown
    assert ">3<" in shown
    assert re.search(r">(19|20)\d\sms<", shown)  # from sent to started, right within five per cent
    assert "Purge" in shown
    assert page(admin_client, "change", 0).status_code == HTTPStatus.NOT_FOUND


def test_a_page_asked_for_again_is_not_made_again(database, admin_client, write):
    write(q=Figures(length=2))
    url = reverse("admin:djtaskq_monitor_queuestate_changelist")
    first = admin_client.get(url, headers={"X-Djtaskq-Live": "1"})
    again = {"X-Djtaskq-Live": "1", "If-None-Match": first["ETag"]}
    with CaptureQueriesContext(connections[database]) as captured:
        second = admin_client.get(url, headers=again)
    assert second.status_code in {HTTPStatus.NOT_MODIFIED, HTTPStatus.OK}  # ten seconds may just be over
    assert len(captured) <= 5 or second.status_code == HTTPStatus.OK
    write(timezone.now() + MINUTE, q=Figures(length=3))
    assert admin_client.get(url, headers=again).status_code == HTTPStatus.OK


@pytest.mark.parametrize("span", ["15m", "7d"])
def test_the_chart_has_the_most_of_each_period(database, admin_client, write, span):
    now = timezone.now()
    write(now - 2 * MINUTE, q=Figures(length=7))
    write(now - 3 * MINUTE, q=Figures(length=2))
    told = admin_client.get(
        reverse("admin:djtaskq_monitor_queuestate_chart", args=[row().pk, "length"]), {"span": span}
    ).json()
    (series,) = told["series"]
    assert len(told["x"]) == len(series["values"]) <= 310
    assert max(value for value in series["values"] if value is not None) == 7
    for kind in ("wait", "volume"):
        assert page(admin_client, "chart", row().pk, kind).status_code == HTTPStatus.OK
    assert page(admin_client, "chart", row().pk, "other").status_code == HTTPStatus.NOT_FOUND


@pytest.fixture
def broker(database, filesystem_broker_options, monkeypatch):
    """An app on the filesystem broker, which the pages ask; `queue` is the row of its one queue."""
    app = Celery("pages", broker="filesystem://", set_as_current=False)
    app.conf.update(task_default_queue="q", broker_transport_options=filesystem_broker_options)
    monkeypatch.setattr(queue_actions, "current_app", app)
    QueueState.objects.create(name="q", length=0, asked=timezone.now(), told=timezone.now())
    yield app
    app.close()


def post(client, name, **data):
    return client.post(
        reverse(f"admin:djtaskq_monitor_queuestate_{name}", args=[row().pk]), data, follow=True
    )


def log():
    return [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]


def test_a_peek_shows_messages_without_their_secrets_and_stands_in_the_log(database, admin_client, broker):
    broker.send_task(HTML, args=(HTML,), kwargs={"password": "hunter2", "b": 1}, task_id="t-1", priority=3)
    broker.send_task("proj.later", countdown=3_600)
    shown = post(admin_client, "peek").content.decode()
    assert HTML not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "t-1" in shown
    assert "hunter2" not in shown
    assert "proj.later" in shown
    assert log() == ["Read the first 20 waiting messages: 2 were shown"]
    assert page(admin_client, "peek", row().pk).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    with broker.connection_for_read() as connection:
        assert connection.default_channel._size("q") == 2


def test_a_purge_wants_the_number_typed(database, admin_client, broker):
    for _number in range(3):
        broker.send_task("proj.add")
    assert "3 messages" in html(admin_client, "purge", row().pk)
    shown = post(admin_client, "purge", seen="3", messages="2").content.decode()
    assert "Type 3, the number of messages that wait." in shown
    assert log() == []
    broker.send_task("proj.add")  # what comes while somebody types goes too
    shown = post(admin_client, "purge", seen="3", messages="3").content.decode()
    assert "4 messages were deleted." in shown
    assert log() == ["Purge the queue: 4 messages were deleted"]
    assert row().length == 0
    assert page(admin_client, "purge", row().pk).status_code == HTTPStatus.FOUND  # nothing waits


def test_a_broker_that_is_away_is_said_and_stands_in_the_log(database, admin_client, broker, monkeypatch):
    monkeypatch.setattr(
        queue_actions, "current_app", Celery("away", broker="redis://127.0.0.1:1/", set_as_current=False)
    )
    assert "The broker does not answer" in post(admin_client, "peek").content.decode()
    assert (
        "The broker does not answer" in post(admin_client, "purge", seen="1", messages="1").content.decode()
    )
    assert [entry.partition(": ")[0] for entry in log()] == ["Read the first 20 waiting messages"]


def test_each_page_is_behind_its_own_permission(client, broker):
    broker.send_task("proj.add")
    user = User.objects.create_user("s", password="s", is_staff=True)
    client.force_login(user)
    pages = {"changelist": [], "change": [row().pk], "chart": [row().pk, "length"], "purge": [row().pk]}

    def answers():
        told = {name: page(client, name, *args).status_code for name, args in pages.items()}
        return told | {"peek": post(client, "peek").status_code}

    def grant(codename):
        user.user_permissions.add(Permission.objects.get(codename=codename))

    assert set(answers().values()) == {403}
    for codename in ("peek_queue", "purge_queue"):
        grant(codename)
    assert set(answers().values()) == {403}  # the queue is not theirs to see
    user.user_permissions.clear()
    grant("view_queuestate")
    assert answers() == dict.fromkeys(("changelist", "change", "chart"), 200) | {"purge": 403, "peek": 403}
    assert "Purge" not in html(client, "change", row().pk)
    grant("peek_queue")
    assert (answers()["peek"], answers()["purge"]) == (200, 403)
    grant("purge_queue")
    assert answers()["purge"] == 200


def test_what_brokers_and_workers_say_is_escaped_on_every_page(database, admin_client, online):
    online(HTML, [HTML])
    writing.write({HTML: Figures(length=1)}, timezone.now(), using=database)
    writing.write({HTML: failed(HTML)}, timezone.now() + MINUTE, using=database)
    pk = row(HTML).pk
    for shown in (html(admin_client, "changelist"), html(admin_client, "change", pk)):
        assert HTML not in shown
        assert "&lt;script&gt;alert(1)" in shown
        assert " style=" not in shown
        assert "<style" not in shown
