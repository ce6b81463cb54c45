"""Tasks as Flower tells of them: narrowed, sorted, cut, and never scanned."""

import datetime as dt
from http import HTTPStatus

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq_monitor.api.tasks import LOOKED_TO
from djtaskq_monitor.models import TaskState
from tests.contract.monitor.api.mounted import failure, said
from tests.monitoring import NOW, success


def test_tasks_are_as_flower_tells_of_them(ask, write):
    write([*success("one", result="{'password': 'hunter2'}"), *failure("two")])
    found = said(ask("tasks"), HTTPStatus.OK)
    assert set(found) == {"one", "two"}
    one = found["one"]
    assert one["name"] == "proj.tasks.add"
    assert one["state"] == "SUCCESS"
    assert one["worker"] == "celery@one"
    assert one["args"] == "(2, 3)"
    assert one["received"] == pytest.approx(NOW + 0.1)
    assert one["succeeded"] == one["timestamp"] == pytest.approx(NOW + 0.9)
    assert one["runtime"] == pytest.approx(0.7)
    assert (found["two"]["result"], found["two"]["exception"]) == (None, "ValueError('no')")
    assert "hunter2" not in str(found)
    flowers = (
        "uuid name state received sent started rejected succeeded failed retried revoked args kwargs eta "
        "expires retries worker result exception timestamp runtime traceback exchange routing_key clock "
        "client root root_id parent parent_id children"
    )
    assert not set(flowers.split()) - set(one)
    assert said(ask("task/info/one"), HTTPStatus.OK) == {**one, "children": []}
    assert said(ask("task/info/none"), HTTPStatus.NOT_FOUND) == {"error": "Unknown task 'none'"}


def test_a_task_names_those_that_it_called(ask, write):
    called = [{**each, "root_id": "up", "parent_id": "up"} for each in success("down")[:2]]
    write([*success("up"), *called])
    assert said(ask("task/info/up"), HTTPStatus.OK)["children"] == ["down"]


@pytest.fixture
def ten(write):
    """t0 to t9, a minute apart, on two workers, and t9 failed."""
    for number in range(9):
        write(success(f"t{number}", 60 * number, worker=f"celery@{number % 2}"))
    write([{**each, "timestamp": each["timestamp"] + 600} for each in failure("t9")])


NARROWED = [
    ({}, "t9 t8 t7 t6 t5 t4 t3 t2 t1 t0"),
    ({"limit": 2}, "t9 t8"),
    ({"limit": 2, "offset": 8}, "t1 t0"),
    ({"limit": 0}, ""),
    ({"sort_by": "received"}, "t0 t1 t2 t3 t4 t5 t6 t7 t8 t9"),
    ({"sort_by": "-started", "limit": 3}, "t9 t8 t7"),
    ({"sort_by": "state", "limit": 1}, "t9"),
    ({"workername": "celery@1"}, "t7 t5 t3 t1"),
    ({"workername": "All", "limit": 1}, "t9"),
    ({"taskname": "proj.tasks.add", "state": "FAILURE"}, "t9"),
    ({"taskname": "no.such"}, ""),
    ({"search": "state:SUCCESS worker:celery@0", "limit": 2}, "t8 t6"),
]


def test_tasks_are_narrowed_sorted_and_cut(ask, ten):
    found = [(query, " ".join(said(ask("tasks", **query), HTTPStatus.OK))) for query, _expected in NARROWED]
    assert found == NARROWED
    assert LOOKED_TO not in ask("tasks").headers


def test_times_are_in_djangos_zone(ask, ten):
    minute = dt.datetime.fromtimestamp(NOW, dt.UTC).astimezone(
        timezone.get_current_timezone()
    ) + dt.timedelta(minutes=3)
    text = minute.strftime("%Y-%m-%d %H:%M")
    at = minute.replace(second=0, microsecond=0).timestamp()
    every = said(ask("tasks"), HTTPStatus.OK)
    after, before = (
        set(said(ask("tasks", **{name: text}), HTTPStatus.OK)) for name in ("received_start", "received_end")
    )
    assert after == {name for name, task in every.items() if task["received"] >= at}
    assert before == {name for name, task in every.items() if task["received"] <= at}
    assert after
    assert before


MEANINGLESS = [
    ({"limit": "many"}, "Invalid argument 'many' of type 'int'"),
    ({"offset": 10**30}, "An offset goes as far as 10000"),
    ({"sort_by": "args"}, "Invalid sort_by 'args', expected one of name, received, started, state"),
    ({"received_start": "yesterday"}, "expected format 'YYYY-MM-DD HH:MM'"),
    ({"search": "(abc def"}, "position"),
    ({"search": "x" * 3000}, "longer than"),
]


def test_what_cannot_be_meant_is_said(ask):
    for query, reason in MEANINGLESS:
        assert reason in said(ask("tasks", **query), HTTPStatus.BAD_REQUEST)["error"]
    assert ask("tasks", received_end="0001-01-01 00:00").status_code in {
        HTTPStatus.OK,
        HTTPStatus.BAD_REQUEST,
    }


def test_hostile_text_finds_nothing(ask, ten):
    for text in ("\x00", "'; --", "%", "_", "\N{COLLISION SYMBOL}" * 600):
        assert said(ask("tasks", workername=text), HTTPStatus.OK) == {}
        assert said(ask("tasks", state=text, taskname=text), HTTPStatus.OK) == {}
    for text in ("%00", "%ED%A0%80", "%FF", "a" * 300, "../x"):
        assert ask(f"task/info/{text}").status_code == HTTPStatus.NOT_FOUND
        assert ask(f"worker/shutdown/{text}", post={}).status_code == HTTPStatus.NOT_FOUND
        assert ask(f"task/revoke/{text}", post={}).status_code in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}
        body = {"task_id": "\x00"}
        assert ask(f"task/send-task/{text}", json=body).status_code in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}


def test_a_page_costs_a_few_statements(database, ask, ten):
    with CaptureQueriesContext(connections[database]) as queries:
        ask("tasks", limit=5)
    statements = [query["sql"] for query in queries if "djtaskq_monitor_taskstate" in query["sql"]]
    assert len(statements) <= 4


def test_the_names_that_were_seen(ask, write):
    write([*success("a"), *success("b"), *failure("c")])
    names = sorted(set(TaskState.objects.values_list("name", flat=True)))
    assert said(ask("task/types"), HTTPStatus.OK) == {"task-types": names}
