"""Tasks page by page, narrowed, searched; one of them, and how it stands."""

import datetime as dt
from http import HTTPStatus

import pytest

from djtaskq_monitor.searching import walking
from tests.contract.monitor.api_v1.mounted import pages, said
from tests.contract.monitor.test_statistics import write
from tests.monitoring import NOW, success


def test_tasks_come_page_by_page(ask, ten):
    found = pages(ask, "tasks", "tasks", limit=4)
    assert [" ".join(task["id"] for task in page) for page in found] == [
        "t9 t8 t7 t6",
        "t5 t4 t3 t2",
        "t1 t0",
    ]
    newest = found[0][0]
    assert newest["state"] == "FAILURE"
    assert newest["exception"].startswith("no password=")
    assert "'x'" not in newest["exception"]
    assert dt.datetime.fromisoformat(newest["failed"]).timestamp() == pytest.approx(NOW + 540.9, abs=0.001)


def test_a_page_stays_where_it_is_while_tasks_come(ask, database, ten):
    first = said(ask("tasks", limit=3))
    write(success("new", 6_000), database)
    second = said(ask("tasks", limit=3, cursor=first["next"]))
    assert [task["id"] for task in second["tasks"]] == ["t6", "t5", "t4"]


def at(seconds):
    return dt.datetime.fromtimestamp(NOW + seconds, dt.UTC).isoformat().replace("+00:00", "Z")


NARROWED = [
    ({"state": "FAILURE"}, "t9"),
    ({"worker": "celery@1"}, "t7 t5 t3 t1"),
    ({"name": "proj.tasks.add", "limit": 2}, "t9 t8"),
    ({"name": "no.such"}, ""),
    ({"queue": "celery", "limit": 1}, "t9"),
    ({"queue": "other"}, ""),
    ({"root": "t7"}, "t8 t7"),
    ({"since": at(470)}, "t9 t8"),
    ({"since": at(0), "until": at(60)}, "t0"),
    ({"until": "0001-01-01T00:00:00Z"}, ""),
    ({"q": "state:SUCCESS worker:celery@0", "limit": 2}, "t8 t6"),
    ({"q": "NOT state:SUCCESS worker:celery"}, "t9"),
    ({"q": "DROP\x00TABLE%_"}, ""),
]


def test_tasks_are_narrowed(ask, ten):
    found = [
        (query, " ".join(task["id"] for task in said(ask("tasks", **query))["tasks"]))
        for query, _expected in NARROWED
    ]
    assert found == NARROWED


def test_a_search_says_how_far_it_looked(ask, ten, monkeypatch):
    assert said(ask("tasks", q="no-such-thing"))["covered"] == {"looked_at": 2_000, "looked_to": None}
    monkeypatch.setattr(walking, "_FIRST_STEP", 3)
    monkeypatch.setattr(walking, "MOST_ROWS", 3)
    page = said(ask("tasks", q="worker:celery@none"))
    assert page["tasks"] == []
    assert page["covered"]["looked_at"] == 3
    assert dt.datetime.fromisoformat(page["covered"]["looked_to"]).timestamp() == pytest.approx(NOW + 360)
    assert page["next"]


MEANINGLESS = [
    {"limit": 0},
    {"limit": 1_001},
    {"limit": "many"},
    {"since": "yesterday"},
    {"since": "2026-01-01T00:00:00"},
    {"since": "2026-02-31T00:00:00Z"},
    {"cursor": "x"},
    {"cursor": "W10"},
    {"cursor": "é"},
    {"q": "(abc"},
    {"name": "x" * 300},
    {"state": ""},
]


def test_what_cannot_be_meant_is_said(ask):
    wrong = [query for query in MEANINGLESS if ask("tasks", **query).status_code != HTTPStatus.BAD_REQUEST]
    assert not wrong
    assert said(ask("tasks", limit="many"), HTTPStatus.BAD_REQUEST)["error"].startswith("Invalid argument")


def test_hostile_text_finds_nothing(ask, ten):
    for text in ("\x00", "'; --", "%", "\N{COLLISION SYMBOL}" * 200):
        assert said(ask("tasks", name=text, state=text, worker=text, queue=text, root=text))["tasks"] == []
        assert said(ask("statistics", name=text, queue=text, worker=text))["points"] == []
        body = {"workers": [text]}
        assert ask("commands/ping", json=body).status_code == HTTPStatus.NOT_FOUND
    for text in ("%00", "%ED%A0%80", "%FF", "a" * 300, "%0A"):
        for what in ("tasks", "outcomes", "workers"):
            assert said(ask(f"{what}/{text}"), HTTPStatus.NOT_FOUND)["error"]


def test_a_cursor_is_good_for_its_own_list_alone(ask, ten):
    cursor = said(ask("tasks", limit=1))["next"]
    assert said(ask("workers", cursor=cursor), HTTPStatus.BAD_REQUEST)["error"]


def test_one_task_with_its_timeline_and_relatives(ask, ten):
    one = said(ask("tasks/t8"))
    assert (one["args"], one["result"]) == ("(2, 3)", "5")
    assert said(ask("tasks/t9"))["result"] is None
    assert [moment["name"] for moment in one["timeline"]] == ["sent", "received", "started", "succeeded"]
    assert [(each["id"], each["parent"]) for each in one["relatives"]] == [("t7", None), ("t8", "t7")]
    assert said(ask("tasks/t1"))["relatives"] == []
    assert said(ask("tasks/none"), HTTPStatus.NOT_FOUND) == {"error": "Unknown task 'none'"}


def test_how_a_task_stands(ask, ten):
    found = said(ask("outcomes/t9"))
    assert (found["state"], found["started"] is None) == ("FAILURE", False)
    assert "'x'" not in found["error"]
    assert found["timeline"]
    assert said(ask("outcomes/a%2Fb"), HTTPStatus.NOT_FOUND) == {"error": "Unknown task 'a/b'"}
