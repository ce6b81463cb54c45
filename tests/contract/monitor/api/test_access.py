"""Who may ask the HTTP API what: sessions, tokens, and how often."""

import datetime as dt
import re
from http import HTTPStatus

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from djtaskq_monitor.api import access, tokens
from djtaskq_monitor.api.models import ApiToken
from djtaskq_monitor.api.urls import urlpatterns as endpoints
from tests.architecture.walls import ROOT
from tests.contract.monitor.api.mounted import said

ROW = re.compile(
    r"^\| (A\d+) \| (GET|POST) \| `([^`]+)` \| ([\w, ]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$"
)


PLACES = {"<worker>": "nobody@h", "<task>": "nothing", "<id>": "unknown"}


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
