"""The HTTP API: who may ask what, what is answered of rows, and what of input that nobody can mean."""

import datetime as dt
import re
import time
from http import HTTPStatus

import pytest
from celery import Celery, current_app
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import include, path
from django.utils import timezone

from djtaskq_monitor.api import access, tokens
from djtaskq_monitor.api.models import ApiToken
from djtaskq_monitor.api.tasks import LOOKED_TO
from djtaskq_monitor.api.urls import urlpatterns as endpoints
from djtaskq_monitor.models import QueueState, TaskState, WorkerState
from djtaskq_monitor.recording import given, store
from djtaskq_monitor.recording.recorder import Recorder
from tests import urls as tests_urls
from tests.architecture.walls import ROOT
from tests.monitoring import NOW, TRACEBACK, event, success

urlpatterns = [*tests_urls.urlpatterns, path("api/", include("djtaskq_monitor.api.urls"))]
pytestmark = pytest.mark.usefixtures("settled")

ROW = re.compile(
    r"^\| (A\d+) \| (GET|POST) \| `([^`]+)` \| ([\w, ]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$"
)
DOING = ("control_worker", "revoke_task", "terminate_task", "send_task")
# What lets each endpoint say no for another reason than who asks.
PLACES = {"<worker>": "nobody@h", "<task>": "nothing", "<id>": "unknown"}


@pytest.fixture
def settled():
    """An app whose broker has no workers; requests are counted anew for each test."""
    before = current_app._get_current_object()
    app = Celery("api", broker="memory://")
    app.set_current()
    cache.clear()
    with override_settings(DJTASKQ={"MONITOR_CONTROL_SECONDS": 0.1}, ROOT_URLCONF=__name__):
        yield
    cache.clear()
    app.control.purge()  # what was sent by name stays in this process otherwise
    before.set_current()


@pytest.fixture
def people(database):
    views = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__startswith="view_")
    doing = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__in=DOING)
    made = {
        name: User.objects.create_user(name, password="x", is_staff=True)
        for name in ("nobody", "viewer", "operator")
    }
    made["viewer"].user_permissions.set(views)
    made["operator"].user_permissions.set([*views, *doing])
    return made


@pytest.fixture
def ask(people):
    """Ask with a control token of the operator: `ask("tasks", limit=3)`, `ask("task/revoke/x", post={})`."""
    text, _row = tokens.issue(people["operator"], "ask", ApiToken.CONTROL)
    client = Client()

    def ask(what, *, post=None, json=None, **query):
        options = {"headers": {"authorization": f"Bearer {text}"}}
        if json is not None:
            return client.post(f"/api/{what}", json, content_type="application/json", **options)
        if post is not None:
            return client.post(f"/api/{what}", post, **options)
        return client.get(f"/api/{what}", query, **options)

    return ask


@pytest.fixture
def write(database):
    """Write events as a camera does."""

    def write(events):
        recorder = Recorder(1_000, clock=lambda: NOW)
        for each in events:
            recorder.take(each)
        store.write(recorder.swap(), using=database)

    return write


def failure(task_id):
    """The events of a task that fails within a second."""
    *begun, _succeeded = success(task_id)
    return [
        *begun,
        event("task-failed", 0.9, uuid=task_id, exception="ValueError('no')", traceback=TRACEBACK),
    ]


def said(response, status):
    assert response.status_code == status, response.content
    return response.json()


def table():
    found = [
        match.groups()
        for line in (ROOT / "docs" / "api.md").read_text().splitlines()
        if (match := ROW.match(line))
    ]
    return [
        (number, method, what, list(map(int, expected))) for number, method, what, _needs, *expected in found
    ]


def called(client, method, what, headers=None):
    for name, value in PLACES.items():
        what = what.replace(name, value)
    if method == "GET":
        return client.get(f"/{what}", headers=headers).status_code
    body = {
        "args": 1,
        "workername": "nobody@h",
        "queue": "q",
        "min": 1,
        "max": 2,
        "soft": 1,
        "ratelimit": "1/s",
    }
    if re.search(r"apply|send-task", what):
        return client.post(f"/{what}", body, content_type="application/json", headers=headers).status_code
    return client.post(f"/{what}", body, headers=headers).status_code


def refusal(status):
    return status if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} else 0


def test_each_endpoint_stands_in_the_table():
    routes = {re.sub(r"<path:\w+>", "<>", f"api/{pattern.pattern}") for pattern in endpoints}
    assert {re.sub(r"<\w+>", "<>", what) for _number, _method, what, _expected in table()} == routes
    assert [number for number, *_rest in table()] == [f"A{number}" for number in range(1, 21)]


def test_who_may_ask_what(people):
    people["gone"] = User.objects.create_user("gone", is_staff=True, is_superuser=True, is_active=False)
    clients = {name: Client() for name in ("viewer", "operator", "nobody")}
    for name, client in clients.items():
        client.force_login(people[name])
    past = timezone.now() - dt.timedelta(seconds=1)
    shut = [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Basic YTpi"},
        {"authorization": f"Bearer {tokens.make().text}"},
        {"authorization": f"Bearer {tokens.issue(people['operator'], 'old', 'control', expires=past)[0]}"},
        {"authorization": f"Bearer {tokens.issue(people['gone'], 'gone', 'control')[0]}"},
    ]
    read, control = (
        {"authorization": f"Bearer {tokens.issue(people['operator'], scope, scope)[0]}"}
        for scope in (ApiToken.READ, ApiToken.CONTROL)
    )
    wrong = []
    for _number, method, what, expected in table():
        cache.clear()
        found = [
            refusal(called(clients["viewer"], method, what)),
            refusal(called(clients["operator"], method, what)),
            refusal(called(Client(), method, what, read)),
            refusal(called(Client(), method, what, control)),
        ]
        wanted = [0 if status == HTTPStatus.OK else status for status in expected]
        closed = {called(Client(), method, what, headers) for headers in shut}
        if (found, closed, refusal(called(clients["nobody"], method, what))) != (wanted, {401}, 403):
            wrong.append((method, what, found, closed))
    assert not wrong


def test_a_token_is_kept_by_its_digest_and_can_be_revoked(people):
    text, row = tokens.issue(people["viewer"], "grafana", ApiToken.READ)
    row.refresh_from_db()
    assert text.split("_", 2)[2] not in str(vars(row))
    headers = {"authorization": f"bearer {text}"}
    assert Client().get("/api/tasks", headers=headers).status_code == HTTPStatus.OK
    row.refresh_from_db()
    assert row.used is not None
    assert tokens.found(text[:-1]) is None
    tokens.revoke(row)
    answered = said(Client().get("/api/tasks", headers=headers), HTTPStatus.UNAUTHORIZED)
    assert answered == {"error": "The token was revoked."}


def test_the_admin_shows_a_new_token_once_and_makes_it_ones_own(people, admin_client):
    url = "/admin/djtaskq_monitor/apitoken/"
    form = {"name": "grafana", "scope": "read", "user": people["operator"].pk, "_continue": "1"}
    shown = admin_client.post(f"{url}add/", form, follow=True).content.decode()
    text = re.search(r"djtaskq_\w{12}_[\w-]{43}", shown)[0]
    row = ApiToken.objects.get()
    assert row.user.is_superuser
    headers = {"authorization": f"Bearer {text}"}
    assert Client().get("/api/tasks", headers=headers).status_code == HTTPStatus.OK
    for page in ("", f"{row.pk}/change/", f"{row.pk}/history/"):
        page_of_it = admin_client.get(f"{url}{page}").content.decode()
        assert f"djtaskq_{row.key}" in page_of_it or "history" in page
        assert text not in page_of_it
        assert row.digest not in page_of_it
    admin_client.post(url, {"action": "revoke", "_selected_action": row.pk})
    assert Client().get("/api/tasks", headers=headers).status_code == HTTPStatus.UNAUTHORIZED


def test_a_token_does_not_outlive_its_users_rights(people):
    text, _row = tokens.issue(people["viewer"], "grafana", ApiToken.READ)
    headers = {"authorization": f"Bearer {text}"}
    User.objects.filter(pk=people["viewer"].pk).update(is_staff=False)
    assert Client().get("/api/tasks", headers=headers).status_code == HTTPStatus.FORBIDDEN


def test_a_session_needs_djangos_csrf_token_to_change_anything(people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["operator"])
    assert "CSRF" in said(client.post("/api/task/revoke/x"), HTTPStatus.FORBIDDEN)["error"]
    assert not LogEntry.objects.exists()
    client.cookies["csrftoken"] = "a" * 32
    answered = client.post("/api/task/revoke/x", headers={"x-csrftoken": "a" * 32})
    assert said(answered, HTTPStatus.OK) == {"message": "Revoked 'x'"}


def test_a_wrong_token_beside_a_session_opens_nothing(people):
    client = Client()
    client.force_login(people["operator"])
    answered = client.get("/api/tasks", headers={"authorization": "Bearer djtaskq_0_0"})
    assert answered.status_code == HTTPStatus.UNAUTHORIZED


def test_requests_are_counted(people, ask):
    with override_settings(DJTASKQ={"MONITOR_API_RATE": 3}):
        assert [ask("task/types").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert 0 < int(ask("task/types").headers["Retry-After"]) <= 60
    tries = [
        Client().get("/api/tasks", headers={"authorization": "Bearer x"}).status_code
        for _ in range(access.MOST_WRONG + 1)
    ]
    assert tries == [401] * access.MOST_WRONG + [429]


def test_another_method_is_refused_before_anything_else(ask):
    response = ask("tasks", post={})
    assert said(response, HTTPStatus.METHOD_NOT_ALLOWED)["error"]
    assert response.headers["Allow"] == "GET, HEAD"


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


def test_workers_by_status_without_asking_them(database, ask):
    now = timezone.now()
    WorkerState.objects.merge([given.worker_change("on@h", now)])
    WorkerState.objects.merge([given.worker_change("lost@h", now - dt.timedelta(hours=1))])
    assert said(ask("workers", status=1), HTTPStatus.OK) == {"lost@h": False, "on@h": True}
    assert said(ask("workers", status="maybe"), HTTPStatus.BAD_REQUEST)
    assert said(ask("workers", workername="no@h"), HTTPStatus.NOT_FOUND) == {"error": "Unknown worker 'no@h'"}
    assert said(ask("workers"), HTTPStatus.OK) == {}


def test_a_worker_that_is_silent_is_said_and_stands_in_the_log(database, ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    answered = said(ask("worker/pool/grow/on@h", post={"n": 2}), HTTPStatus.GATEWAY_TIMEOUT)
    assert "did not answer" in answered["error"]
    entry = LogEntry.objects.get()
    assert entry.user.username == "operator"
    assert entry.object_repr == "on@h"
    assert "Grow the pool by 2 (API token 'ask'): on@h: silent" in entry.change_message


NOT_COMMANDS = [
    ("worker/pool/grow/on@h", {"n": "x"}),
    ("worker/pool/grow/on@h", {"n": 0}),
    ("worker/pool/autoscale/on@h", {"min": 1}),
    ("worker/pool/autoscale/on@h", {"min": 3, "max": 1}),
    ("worker/queue/add-consumer/on@h", {}),
    ("task/timeout/a.b", {"workername": "on@h"}),
    ("task/timeout/a.b", {"workername": "on@h", "soft": "nan"}),
    ("task/rate-limit/a.b", {"workername": "on@h", "ratelimit": "often"}),
    ("task/rate-limit/a.b", {"ratelimit": "1/s"}),
    ("task/revoke/x", {"terminate": "perhaps"}),
    ("task/revoke/x", {"terminate": 1, "signal": "SIGWRONG"}),
]


def test_commands_that_nobody_can_mean_are_not_given(database, ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    for what, post in NOT_COMMANDS:
        assert said(ask(what, post=post), HTTPStatus.BAD_REQUEST)["error"]
    assert not LogEntry.objects.exists()


NO_CALLS = [
    ("{", 400),
    ("[1]", 400),
    ('{"args": 1}', 400),
    ('{"kwargs": []}', 400),
    ('{"connection": "x"}', 400),
    ('{"eta": "soon"}', 400),
    ('{"countdown": "x"}', 400),
    ('{"serializer": "nope"}', 400),
    ('{"serializer": "a\\u0000b"}', 400),
    ('{"countdown": 1e308}', 400),
    ("[" * 100_000, 400),
    ("\xff\xfe", 400),
    ('"' + "x" * 10_000_000 + '"', 413),
]


def test_bodies_that_are_no_call(ask):
    for body, status in NO_CALLS:
        assert said(ask("task/send-task/a.b", json=body), status)["error"]


def test_unknown_tasks_are_not_applied(ask):
    for what in ("apply", "async-apply"):
        assert said(ask(f"task/{what}/no.such", json={}), HTTPStatus.NOT_FOUND) == {
            "error": "Unknown task 'no.such'"
        }


def test_a_task_is_sent_by_its_name(ask):
    answered = said(ask("task/send-task/no.such", json={"args": [1], "queue": "api"}), HTTPStatus.OK)
    assert list(answered) == ["task-id"]
    with current_app.connection_for_read() as connection:
        message = connection.SimpleQueue("api").get(timeout=5)
        message.ack()
    assert message.headers["id"] == answered["task-id"]
    assert message.headers["task"] == "no.such"
    assert f"sent as {answered['task-id']}" in LogEntry.objects.get().change_message


def test_there_is_no_result_without_a_backend(ask):
    assert said(ask("task/result/x"), HTTPStatus.SERVICE_UNAVAILABLE)["error"]
    assert said(ask("task/abort/x", post={}), HTTPStatus.SERVICE_UNAVAILABLE)["error"]


def test_results_from_a_backend(database, ask):
    Celery("api", broker="memory://", backend="djtaskq").set_current()
    backend = current_app.backend
    assert said(ask("task/result/x"), HTTPStatus.OK) == {"task-id": "x", "state": "PENDING"}
    backend.mark_as_done("x", {"a": 1, "password": "hunter2"})
    found = said(ask("task/result/x"), HTTPStatus.OK)
    assert found == {"task-id": "x", "state": "SUCCESS", "result": {"a": 1, "password": "[redacted]"}}
    backend.mark_as_failure("y", ValueError("no"), traceback="Traceback")
    assert said(ask("task/result/y"), HTTPStatus.OK) == {
        "task-id": "y",
        "state": "FAILURE",
        "result": "ValueError('no')",
        "traceback": "Traceback",
    }
    backend.mark_as_done("z", float("nan"))
    assert said(ask("task/result/z"), HTTPStatus.OK)["result"] in {"nan", None}
    began = time.monotonic()
    assert said(ask("task/result/none", timeout=0.2), HTTPStatus.OK)["state"] == "PENDING"
    assert time.monotonic() - began < 5
    assert said(ask("task/abort/w", post={}), HTTPStatus.OK) == {"message": "Aborted 'w'"}
    assert said(ask("task/result/w"), HTTPStatus.OK)["state"] == "ABORTED"


def test_queues_as_a_camera_was_told(database, ask):
    QueueState.objects.create(name="a&b", length=3, unacked=1)
    assert said(ask("queues/length"), HTTPStatus.OK) == {
        "active_queues": [
            {
                "name": "a&b",
                "messages": 3,
                "messages_ready": 3,
                "messages_unacknowledged": 1,
                "consumers": None,
            }
        ]
    }


def test_queues_as_the_broker_says_where_no_camera_asks(ask):
    (queue,) = said(ask("queues/length"), HTTPStatus.OK)["active_queues"]
    assert queue["name"] == "celery"


ASKING_THE_BROKER = [
    ("queues/length", None),
    ("workers", None),
    ("task/revoke/x", {}),
    ("task/send-task/a.b", {}),
    ("worker/shutdown/on@h", {}),
]


def test_a_broker_that_is_away_is_told_in_time(database, ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    Celery("away", broker="redis://127.0.0.1:1/").set_current()
    for what, post in ASKING_THE_BROKER:
        began = time.monotonic()
        response = ask(what, json=post) if "send" in what else ask(what, post=post)
        assert said(response, HTTPStatus.SERVICE_UNAVAILABLE)["error"]
        assert time.monotonic() - began < 10
