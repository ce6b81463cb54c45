"""Who may ask the described API what, and how often."""

import datetime as dt
import re
from http import HTTPStatus

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from djtaskq_monitor.api import tokens
from djtaskq_monitor.api.models import ApiToken
from tests.architecture.walls import ROOT
from tests.contract.monitor.api_v1.mounted import said

ROW = re.compile(
    r"^\| (GET|POST) \| `api/v1/([^`]+)` \| ([\w, ]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE
)


BODIES = {
    "revoke": {"ids": ["x"]},
    "terminate": {"ids": ["x"]},
    "commands/<command>": {"workers": ["nobody@h"]},
}


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
