"""The dashboard: what it says, what it costs, and who sees it."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from djtaskq.admin.live import HEADER
from djtaskq_monitor.dashboard import charting, memory, spans
from djtaskq_monitor.models import QueueSample, QueueState, TaskState, WorkerState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import folding
from tests.monitoring import event, success

HTML = "<script>alert(1)</script>"
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Each look is a new one."""
    monkeypatch.setattr(memory, "SECONDS", 0)
    memory.forget()


def record(told, database, ago=60):
    shift = timezone.now().timestamp() - ago - event("x", 0)["timestamp"]
    recorder = Recorder(10_000)
    for each in told:
        recorder.take(each | {"timestamp": each["timestamp"] + shift})
    assert not store.write(recorder.swap(), using=database)[0]


def failed(task_id):
    return [*success(task_id)[:-1], event("task-failed", 1.4, uuid=task_id, exception="ValueError('no')")]


def url(page="dashboard_changelist", *args, **query):
    return reverse(f"admin:djtaskq_monitor_{page}", args=args, query=query or None)


def html(client, *args, **query):
    response = client.get(url(*args, **query))
    assert response.status_code == 200
    return response.content.decode()


def worker(hostname="w1", ago=0, **columns):
    heard = timezone.now() - ago * SECOND
    return WorkerState.objects.create(hostname=hostname, last_heartbeat=heard, freq=2, **columns)


def test_an_empty_one_says_what_to_start(database, admin_client):
    page = html(admin_client)
    assert "Nothing was seen yet" in page
    assert "celery -A proj events --camera=djtaskq_monitor.camera.Camera" in page


def test_the_verdict_is_the_worst_of_what_is_known(database, admin_client):
    worker()
    assert "Everything is all right" in html(admin_client)
    worker("w2", ago=100)
    assert "1 thing needs a look" in html(admin_client)
    QueueState.objects.create(name="mail", length=3, consumers=0)
    page = html(admin_client)
    assert "1 thing is wrong, 1 more needs a look" in page
    assert page.index("Nobody takes from mail") < page.index("w2 is lost")


def test_figures_of_the_span(database, admin_client):
    record([*success("a"), *success("b"), *failed("c")], database)
    context = admin_client.get(url()).context
    figures = context["state"].figures
    assert (figures.succeeded, figures.failed, figures.received) == (2, 1, 3)
    assert figures.failure_rate == pytest.approx(1 / 3)
    assert admin_client.get(url(since="2020-01-01", until="2020-01-02")).context["state"].figures.ended == 0


def test_every_span_has_a_page_and_its_charts(database, admin_client):
    record(success("a"), database)
    for span in (*spans.SPANS, "nonsense"):
        assert html(admin_client, span=span)
        for kind in charting.KINDS:
            chart = admin_client.get(url("dashboard_chart", kind, span=span)).json()
            assert len(chart["x"]) <= 370
            assert all(len(series["values"]) == len(chart["x"]) for series in chart["series"])
        succeeded = admin_client.get(url("dashboard_chart", "volume", span=span)).json()["series"][0]
        assert sum(succeeded["values"]) == 1, span


def test_failures_are_grouped_by_exception_and_task(database, admin_client):
    record([each for number in range(3) for each in failed(f"f{number}")], database)
    TaskState.objects.update(exception=f"KeyError({HTML!r})", name="proj.add")
    (group,) = admin_client.get(url()).context["state"].failures.groups
    assert (group.exception, group.name, group.count) == ("KeyError", "proj.add", 3)
    page = html(admin_client)
    assert HTML not in page
    assert "Of all 3 failures" in page


def test_of_many_failures_it_says_how_many_were_read(database, admin_client, monkeypatch):
    monkeypatch.setattr("djtaskq_monitor.dashboard.failures.MOST", 2)
    record([each for number in range(3) for each in failed(f"f{number}")], database)
    assert "Of the newest 2 failures" in html(admin_client)


def test_queues_with_their_last_hour(database, admin_client):
    queue = QueueState.objects.create(name=HTML, length=7, consumers=2, oldest=timezone.now() - 90 * SECOND)
    minute = timezone.now().replace(second=0, microsecond=0)
    QueueSample.objects.create(queue=queue, at=minute, length=7)
    QueueSample.objects.create(queue=queue, at=minute - dt.timedelta(minutes=9), length=4)
    ((line, link),) = admin_client.get(url()).context["queues"]
    assert link == url("queuestate_change", queue.pk)
    assert (line.trend[-1], line.trend[-10], line.trend[0]) == (7, 4, None)
    assert HTML not in html(admin_client)
    chart = admin_client.get(url("dashboard_chart", "queues")).json()
    assert [value for value in chart["series"][0]["values"] if value is not None] == [4, 7]


def test_a_week_of_queue_lengths_is_the_most_of_each_hour(database, admin_client):
    queue = QueueState.objects.create(name="q", length=1)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=5)
    for number in range(4):
        QueueSample.objects.create(queue=queue, at=hour + dt.timedelta(minutes=number), length=number)
    chart = admin_client.get(url("dashboard_chart", "queues", span="7d")).json()
    values = dict(zip(chart["x"], chart["series"][0]["values"], strict=True))
    assert {at: value for at, value in values.items() if value is not None} == {int(hour.timestamp()): 3}


def test_it_costs_the_same_however_much_there_is(database, admin_client):
    def statements(*args, **query):
        with CaptureQueriesContext(connections[database]) as captured:
            html(admin_client, *args, **query)
        return len(captured)

    worker()
    queue = QueueState.objects.create(name="q", length=1)
    QueueSample.objects.create(queue=queue, at=timezone.now(), length=1)
    record([*success("t"), *failed("f")], database)
    before = statements()
    for number in range(30):
        worker(f"x{number}")
        QueueState.objects.create(name=f"q{number}", length=1, consumers=0)
    record([each for number in range(30) for each in failed(f"f{number}")], database)
    assert statements() == before
    assert before <= 28


def test_a_viewer_who_has_it_already_is_told_so_in_few_statements(database, admin_client):
    worker()
    record(success("t"), database)
    first = admin_client.get(url(), headers={HEADER: "1"})
    again = {HEADER: "1", "If-None-Match": first["ETag"]}
    assert 'data-live="verdict"' in first.content.decode()
    assert (first.status_code, admin_client.get(url(), headers=again).status_code) == (200, 304)
    record(success("t2"), database)
    assert admin_client.get(url(), headers=again).status_code == 200


def test_what_was_counted_and_summed_up_between_two_looks_is_seen(database, admin_client):
    record(success("before"), database, ago=2_500)
    fold(database)
    tag = admin_client.get(url(), headers={HEADER: "1"})["ETag"]
    record(success("t"), database, ago=2_000)
    fold(database)
    response = admin_client.get(url(), headers={HEADER: "1", "If-None-Match": tag})
    assert response.status_code == 200
    assert response.context["state"].figures.succeeded == 2


def fold(database):
    while folding.fold(using=database):
        pass


def test_viewers_share_what_was_found_a_moment_ago(database, admin_client, monkeypatch):
    monkeypatch.setattr(memory, "SECONDS", 60)
    worker()
    tag = admin_client.get(url(), headers={HEADER: "1"})["ETag"]
    with CaptureQueriesContext(connections[database]) as captured:
        response = admin_client.get(url(), headers={HEADER: "1", "If-None-Match": tag})
    assert response.status_code == 304
    assert len(captured) <= 2  # the session and the user


def test_a_chart_that_did_not_change_is_not_sent_again(database, admin_client):
    record(success("t"), database)
    chart = url("dashboard_chart", "volume")
    tag = admin_client.get(chart)["ETag"]
    assert admin_client.get(chart, headers={"If-None-Match": tag}).status_code == 304
    record(success("t2"), database)
    assert admin_client.get(chart, headers={"If-None-Match": tag}).status_code == 200


def test_figures_of_no_kind_are_not_found(database, admin_client):
    assert admin_client.get(url("dashboard_chart", "cats")).status_code == 404


PAGES = [
    ("dashboard_changelist", (), {}, "view_dashboard"),
    ("dashboard_chart", ("volume",), {}, "view_dashboard"),
    ("taskname_changelist", (), {}, "view_taskname"),
    ("taskname_page", (), {"name": "proj.add"}, "view_taskname"),
    ("taskname_chart", ("volume",), {"name": "proj.add"}, "view_taskname"),
]


def test_each_page_has_its_permission(database, client):
    addresses = [(url(page, *args, **query), permission) for page, args, query, permission in PAGES]
    assert [client.get(address).status_code for address, _ in addresses] == [302] * len(PAGES)
    user = User.objects.create_user("u", password="p", is_staff=True)
    for _, permission in dict.fromkeys(addresses):
        client.force_login(user)
        may(user, permission)
        for address, needed in addresses:
            assert client.get(address).status_code == (200 if needed == permission else 403), address
            if needed == permission:
                assert client.post(address).status_code == 405


def may(user, codename):
    """Nothing else than this."""
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename=codename)
    )


def test_nobody_gets_a_link_to_what_is_not_for_them(database, client):
    record(failed("f"), database)
    user = User.objects.create_user("u", password="p", is_staff=True)
    may(user, "view_dashboard")
    client.force_login(user)
    page = html(client)
    assert "/taskstate/" not in page.split('id="content"')[1]
    assert "ValueError" in page


def test_it_is_on_the_index_of_the_admin(database, admin_client):
    index = admin_client.get(reverse("admin:index")).content.decode()
    assert url() in index
    assert url("taskname_changelist") in index
