"""The described API: who may ask what, page by page, and what is said of it in its own document."""

import datetime as dt
import re
from http import HTTPStatus

import pytest
from celery import Celery, current_app
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connections
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import include, path
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun
from djtaskq_monitor.api import tokens
from djtaskq_monitor.api.models import ApiToken
from djtaskq_monitor.models import QueueState, WorkerState
from djtaskq_monitor.recording import given
from djtaskq_monitor.searching import walking
from tests import urls as tests_urls
from tests.architecture.walls import ROOT
from tests.contract.monitor.test_statistics import write
from tests.contract.monitor.test_task_names import fold, record
from tests.monitoring import NOW, TRACEBACK, event, success

urlpatterns = [*tests_urls.urlpatterns, path("", include("djtaskq_monitor.urls"))]
pytestmark = pytest.mark.usefixtures("settled")

ROW = re.compile(
    r"^\| (GET|POST) \| `api/v1/([^`]+)` \| ([\w, ]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE
)
DOING = ("control_worker", "revoke_task", "terminate_task", "send_task")
BODIES = {
    "revoke": {"ids": ["x"]},
    "terminate": {"ids": ["x"]},
    "commands/<command>": {"workers": ["nobody@h"]},
}


@pytest.fixture
def settled():
    """An app whose broker has no workers; requests are counted anew for each test."""
    before = current_app._get_current_object()
    Celery("api", broker="memory://").set_current()
    cache.clear()
    with override_settings(DJTASKQ={"MONITOR_CONTROL_SECONDS": 0.1}, ROOT_URLCONF=__name__):
        yield
    cache.clear()
    before.set_current()


@pytest.fixture
def people(database):
    made = {
        name: User.objects.create_user(name, password="x", is_staff=True)
        for name in ("nobody", "viewer", "operator")
    }
    viewing = Q(content_type__app_label="djtaskq_monitor", codename__startswith="view_")
    views = list(Permission.objects.filter(viewing | Q(codename="view_periodictask")))
    doing = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__in=DOING)
    made["viewer"].user_permissions.set(views)
    made["operator"].user_permissions.set([*views, *doing])
    return made


@pytest.fixture
def token(people):
    """The headers of a token of the operator, by its scope."""
    return {
        scope: {"authorization": f"Bearer {tokens.issue(people['operator'], 'machine', scope)[0]}"}
        for scope in (ApiToken.READ, ApiToken.CONTROL)
    }


@pytest.fixture
def ask(token):
    def ask(what, *, json=None, **query):
        headers = token[ApiToken.CONTROL]
        if json is None:
            return Client().get(f"/api/v1/{what}", query, headers=headers)
        return Client().post(f"/api/v1/{what}", json, content_type="application/json", headers=headers)

    return ask


@pytest.fixture
def ten(database):
    """t0 to t9, a minute apart, on two workers; t9 failed, and t8 was called by t7."""
    for number in range(9):
        told = success(f"t{number}", 60 * number, worker=f"celery@{number % 2}")
        family = {"root_id": "t7", "parent_id": "t7"} if number == 8 else {}
        write([{**each, **family} for each in told], database)
    *begun, _ended = success("t9", 540)
    write(
        [*begun, event("task-failed", 540.9, uuid="t9", exception="no password='x'", traceback=TRACEBACK)],
        database,
    )


def said(response, status=HTTPStatus.OK):
    assert response.status_code == status, response.content
    return response.json()


def pages(ask, what, name, **query):
    """What all pages hold, by page."""
    found, cursor = [], None
    while True:
        page = said(ask(what, **query, **({"cursor": cursor} if cursor else {})))
        found.append(page[name])
        cursor = page["next"]
        if cursor is None:
            return found


def called(client, method, what, headers=None):
    where = what.replace("<command>", "ping").replace("<id>", "none").replace("<worker>", "nobody@h")
    if method == "GET":
        return client.get(f"/api/v1/{where}", headers=headers).status_code
    body = BODIES[what]
    return client.post(f"/api/v1/{where}", body, content_type="application/json", headers=headers).status_code


def refusal(status):
    return status if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} else 0


def table():
    return [
        (method, what, list(map(int, expected)))
        for method, what, _needs, *expected in ROW.findall((ROOT / "docs" / "api.md").read_text())
    ]


def test_each_operation_stands_in_the_table_and_in_the_document(ask):
    described = {
        (method.upper(), re.sub(r"{\w+}", "<>", where.removeprefix("/api/v1/")))
        for where, methods in said(ask("openapi.json"))["paths"].items()
        for method in methods
    }
    assert {(method, re.sub(r"<\w+>", "<>", what)) for method, what, _expected in table()} == described


def test_who_may_ask_what(people, token):
    clients = {name: Client() for name in ("viewer", "operator", "nobody")}
    for name, client in clients.items():
        client.force_login(people[name])
    past = timezone.now() - dt.timedelta(seconds=1)
    old = tokens.issue(people["operator"], "old", "control", expires=past)[0]
    shut = [{}, *({"authorization": f"Bearer {text}"} for text in ("", tokens.make().text, old))]
    wrong = []
    for method, what, expected in table():
        cache.clear()
        found = [
            refusal(called(clients["viewer"], method, what)),
            refusal(called(clients["operator"], method, what)),
            refusal(called(Client(), method, what, token[ApiToken.READ])),
            refusal(called(Client(), method, what, token[ApiToken.CONTROL])),
        ]
        wanted = [0 if status == HTTPStatus.OK else status for status in expected]
        closed = {called(Client(), method, what, headers) for headers in shut}
        if (found, closed, refusal(called(clients["nobody"], method, what))) != (wanted, {401}, 403):
            wrong.append((method, what, found, closed))
    assert not wrong


def test_a_command_takes_its_own_permission(people):
    client = Client()
    client.force_login(people["viewer"])
    people["viewer"].user_permissions.add(Permission.objects.get(codename="control_worker"))
    body = {"arguments": {"headers": "a=b", "signal": "SIGTERM"}}
    answered = {
        name: client.post(f"/api/v1/commands/{name}", body, content_type="application/json").status_code
        for name in ("terminate-stamped", "revoke-stamped", "ping")
    }
    assert answered == {"terminate-stamped": 403, "revoke-stamped": 403, "ping": 400}


def test_a_session_needs_djangos_csrf_token_to_change_anything(people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["operator"])
    answered = client.post("/api/v1/revoke", {"ids": ["x"]}, content_type="application/json")
    assert "CSRF" in said(answered, HTTPStatus.FORBIDDEN)["error"]
    assert not LogEntry.objects.exists()


def test_what_is_not_there_is_closed_and_said_in_json(ask):
    assert said(ask("nothing"), HTTPStatus.NOT_FOUND)["error"]
    assert said(Client().get("/api/v1/nothing"), HTTPStatus.UNAUTHORIZED)["error"]
    assert said(Client().get("/api/v1/docs"), HTTPStatus.UNAUTHORIZED)["error"]
    refused = ask("tasks", json={})
    assert said(refused, HTTPStatus.METHOD_NOT_ALLOWED)["error"]
    assert refused.headers["Allow"] == "GET"


def test_requests_are_counted(ask):
    with override_settings(DJTASKQ={"MONITOR_API_RATE": 2}):
        assert [ask("workers").status_code for _ in range(3)] == [200, 200, 429]


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


def test_workers_and_queues_come_page_by_page(ask):
    now = timezone.now()
    for name in "cab":
        WorkerState.objects.merge([given.worker_change(f"{name}@h", now)])
        QueueState.objects.create(name=name, length=1)
    WorkerState.objects.filter(hostname="a@h").update(queues="a\nb")
    found = pages(ask, "workers", "workers", limit=2)
    assert [[worker["name"] for worker in page] for page in found] == [["a@h", "b@h"], ["c@h"]]
    assert {worker["status"] for page in found for worker in page} == {"online"}
    assert said(ask("workers/a@h"))["queues"] == ["a", "b"]
    assert said(ask("workers/no@h"), HTTPStatus.NOT_FOUND) == {"error": "Unknown worker 'no@h'"}
    found = pages(ask, "queues", "queues", limit=2)
    assert [[(queue["name"], queue["workers"]) for queue in page] for page in found] == [
        [("a", ["a@h"]), ("b", ["a@h"])],
        [("c", [])],
    ]


def test_what_was_counted(ask, database):
    for name in "bac":
        record(database, name, f"proj.{name}")
    fold(database)
    found = pages(ask, "names", "names", limit=2)
    assert [[each["name"] for each in page] for page in found] == [["proj.a", "proj.b"], ["proj.c"]]
    assert found[0][0]["succeeded"] == 1
    assert found[0][0]["runtime"]["p50"] == pytest.approx(0.7, rel=0.05)
    counted = said(ask("statistics"))
    assert counted["resolution"] == 60
    assert sum(point["succeeded"] for point in counted["points"]) == 3
    only = said(ask("statistics", name="proj.a"))
    assert sum(point["succeeded"] for point in only["points"]) == 1
    assert said(ask("statistics", until="1999-01-01T00:00:00Z"))["points"] == []


def test_what_schedules_start_next(database, ask):
    every = IntervalSchedule.objects.create(every=1, period="hours")
    now = timezone.now()
    for number, name in enumerate("dcba"):
        row = PeriodicTask.objects.create(name=name, task="proj.add", interval=every)
        due = now + dt.timedelta(hours=max(number, 1))
        NextRun.objects.filter(pk=row.pk).update(run_at=due, slot=due, changed_at=None)
    found = pages(ask, "schedules", "runs", limit=1)
    assert [[run["name"] for run in page] for page in found] == [["d"], ["c"], ["b"], ["a"]]
    assert found[0][0]["task"] == "proj.add"


def test_vitals(ask):
    assert {"cameras", "workers"} <= {each["name"] for each in said(ask("vitals"))["vitals"]}


def test_a_command_stands_in_the_log_with_what_came_of_it(ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    body = {"workers": ["on@h"], "arguments": {"n": 2}}
    answered = said(ask("commands/pool-grow", json=body))
    assert answered == {"answers": [{"worker": "on@h", "kind": "silent", "value": None}]}
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_repr) == ("operator", "on@h")
    assert "Grow the pool by 2 (API token 'machine'): on@h: silent" in entry.change_message


def test_tasks_are_revoked_and_terminated(ask, ten):
    assert said(ask("revoke", json={"ids": ["t1", "t2", "unknown"]})) == {"answers": []}
    assert {entry.object_repr for entry in LogEntry.objects.all()} == {
        "proj.tasks.add (t1) SUCCESS",
        "proj.tasks.add (t2) SUCCESS",
    }
    assert said(ask("terminate", json={"ids": ["t3"], "signal": "SIGKILL"})) == {"answers": []}
    assert "Terminate t3 with SIGKILL" in LogEntry.objects.latest("pk").change_message


NOT_COMMANDS = [
    ("commands/no-such", {"workers": ["on@h"]}, 404),
    ("commands/ping", {"workers": ["no@h"]}, 404),
    ("commands/ping", {}, 400),
    ("commands/ping", {"workers": ["on@h"], "arguments": {"x": 1}}, 400),
    ("commands/ping", {"workers": ["on@h"], "more": 1}, 400),
    ("commands/pool-grow", {"workers": ["on@h"], "arguments": {"n": "x"}}, 400),
    ("commands/add-consumer", {"workers": ["on@h"], "arguments": {"queue": "q", "options": [1]}}, 400),
    ("commands/hello", {"workers": ["on@h"]}, 404),
    ("revoke", {"ids": []}, 400),
    ("revoke", {"ids": ["a b"]}, 400),
    ("revoke", {}, 400),
    ("terminate", {"ids": ["x"], "signal": "SIGWRONG"}, 400),
]


def test_commands_that_nobody_can_mean_are_not_given(ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    found = [(what, body, ask(what, json=body).status_code) for what, body, _status in NOT_COMMANDS]
    assert found == NOT_COMMANDS
    assert not LogEntry.objects.exists()


def test_bodies_that_are_none(token):
    def post(body, content_type="application/json"):
        headers = token[ApiToken.CONTROL]
        return Client().post("/api/v1/revoke", body, content_type=content_type, headers=headers).status_code

    assert post("{") == HTTPStatus.BAD_REQUEST
    assert post("[" * 100_000) == HTTPStatus.BAD_REQUEST
    assert post('{"ids": ["\\ud800"]}') == HTTPStatus.BAD_REQUEST
    assert post("x" * 10_000_000) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert not LogEntry.objects.exists()


# What PostgreSQL is told besides, so that it goes by an index.
ASIDE = re.compile("SAVEPOINT|set_config|BEGIN|COMMIT")
# Each with the statements that who asks costs: the token, its use, permissions.
COSTS = {
    "tasks": 8,
    "tasks?q=add": 8,
    "tasks/t8": 12,
    "outcomes/t8": 10,
    "workers": 5,
    "queues": 6,
    "names": 10,
    "statistics": 7,
    "schedules": 7,
}


def test_what_a_page_costs(database, ask, ten):
    spent = {}
    for what in COSTS:
        with CaptureQueriesContext(connections[database]) as queries:
            assert ask(what).status_code == HTTPStatus.OK
        spent[what] = len([each for each in queries if not ASIDE.search(each["sql"])])
    assert {what: cost for what, cost in spent.items() if cost > COSTS[what]} == {}
