"""Task names: their list over a span, and the page of each."""

import datetime as dt

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from djtaskq_monitor.dashboard import memory, names, spans, totals
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import charts, folding
from tests.monitoring import event, success

HTML = "<script>alert(1)</script>"
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(memory, "SECONDS", 0)
    memory.forget()


def record(database, task_id, name="proj.add", *, ago=HOUR / 60, runtime=0.7, fails=False, queue="celery"):
    shift = (timezone.now() - ago).timestamp() - event("x", 0)["timestamp"]
    *life, end = success(task_id)
    end["runtime"] = runtime
    if fails:
        end = event("task-failed", 1.4, uuid=task_id, exception="ValueError('no')")
    recorder = Recorder(1_000)
    for each in (*life, end):
        told = each | {"timestamp": each["timestamp"] + shift}
        if "name" in told:
            told["name"] = name
        if "queue" in told:
            told["queue"] = queue
        recorder.take(told)
    assert not store.write(recorder.swap(), using=database)[0]


def fold(database):
    while folding.fold(using=database):
        pass


@pytest.fixture(params=["folded", "fresh"])
def told(request, database):
    record(database, "1", "a", runtime=1.0)
    record(database, "2", "a", runtime=3.0, ago=3 * HOUR, queue="other")
    record(database, "3", "a", fails=True, ago=2 * HOUR)
    record(database, "4", "b", runtime=40.0)
    record(database, "5", "old", ago=50 * HOUR)
    if request.param == "folded":
        fold(database)


def url(page, *args, **query):
    return reverse(f"admin:djtaskq_monitor_taskname_{page}", args=args, query=query or None)


def listed(client, **query):
    response = client.get(url("changelist", **query))
    assert response.status_code == 200
    return [
        (row["total"].name, row["total"].succeeded, row["total"].failed) for row in response.context["rows"]
    ]


def test_names_over_a_span(told, admin_client):
    assert listed(admin_client) == [("a", 2, 1), ("b", 1, 0)]
    assert listed(admin_client, span="7d") == [("a", 2, 1), ("b", 1, 0), ("old", 1, 0)]
    assert listed(admin_client, span="1h") == [("a", 1, 0), ("b", 1, 0)]


def test_durations_of_those_that_are_listed(told, admin_client):
    first = admin_client.get(url("changelist")).context["rows"][0]
    assert first["p50"] == pytest.approx(1, rel=0.05)
    assert first["p95"] == pytest.approx(3, rel=0.05)
    assert first["total"].runtime == pytest.approx(4)
    assert first["rate"] == pytest.approx(1 / 3)


def test_sorted_and_searched(told, admin_client):
    for query, found in (
        ({"sort": "slow"}, ["b", "a"]),
        ({"sort": "rate"}, ["a", "b"]),
        ({"sort": "name"}, ["a", "b"]),
        ({"q": "B"}, ["b"]),
        ({"q": HTML}, []),
        ({"sort": "x", "p": "x"}, ["a", "b"]),
        ({"p": "99999999999999999999"}, ["a", "b"]),
    ):
        assert [name for name, *_ in listed(admin_client, **query)] == found, query


def test_totals_are_what_charts_count(told):
    for name in spans.SPANS:
        span = spans.read({"span": name})
        of_charts = charts.summary(span.since, span.until, by="name")
        found = totals.by_name(span.since, span.until)
        assert {name: total.succeeded for name, total in found.items()} == {
            name: point["succeeded"] for name, point in of_charts.items()
        }, name


def test_an_empty_list_says_what_to_do(database, admin_client):
    assert "No tasks were counted" in admin_client.get(url("changelist")).content.decode()


def test_the_list_costs_the_same_however_many_names_there_are(database, admin_client, monkeypatch):
    def statements():
        with CaptureQueriesContext(connections[database]) as captured:
            assert admin_client.get(url("changelist", span="7d")).status_code == 200
        return len(captured)

    record(database, "0", "n0")
    fold(database)
    before = statements()
    for number in range(12):
        record(database, f"t{number}", f"n{number}", ago=HOUR * 20 * number)
    fold(database)
    monkeypatch.setattr(names, "PAGE", 10)
    assert statements() == before
    assert before <= 12
    assert len(listed(admin_client, span="30d")) == 10
    assert len(listed(admin_client, span="30d", p="2")) == 2


def test_the_page_of_a_name(told, admin_client):
    context = admin_client.get(url("page", name="a")).context
    assert (context["figures"].succeeded, context["figures"].failed) == (2, 1)
    assert [row.task_id for row, _url in context["lately"]["slowest"]] == ["2", "1"]
    assert [row.task_id for row, _url in context["lately"]["failed"]] == ["3"]
    assert sum(line["count"] for line in context["bars"]) == 2
    succeeded, failed, _retried = admin_client.get(url("chart", "volume", name="a")).json()["series"]
    assert (sum(succeeded["values"]), sum(failed["values"])) == (2, 1)


def test_it_says_how_far_it_looked(told, admin_client, monkeypatch):
    monkeypatch.setattr(names, "MOST", 2)
    page = admin_client.get(url("page", name="a")).content.decode()
    assert "Among the newest 2 tasks" in page


def test_a_hostile_name(database, admin_client):
    record(database, "1", HTML)
    assert HTML not in admin_client.get(url("changelist")).content.decode()
    page = admin_client.get(url("page", name=HTML))
    assert page.context["figures"].succeeded == 1
    assert HTML not in page.content.decode()
    assert (
        admin_client.get(url("page", name="\x00\ud800".encode(errors="replace").decode())).status_code == 200
    )


def test_a_page_without_a_name_is_not_found(database, admin_client):
    assert admin_client.get(url("page")).status_code == 404


def test_the_page_costs_the_same_however_many_tasks_there_are(database, admin_client):
    def statements():
        with CaptureQueriesContext(connections[database]) as captured:
            assert admin_client.get(url("page", name="proj.add")).status_code == 200
        return len(captured)

    record(database, "0")
    before = statements()
    for number in range(15):
        record(database, f"t{number}", fails=number % 2 == 0)
    assert statements() == before
    assert before <= 8
