"""Commands in the log, and those that nobody can mean."""

from http import HTTPStatus

from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from djtaskq_monitor.api.models import ApiToken
from djtaskq_monitor.models import WorkerState
from djtaskq_monitor.recording import given
from tests.contract.monitor.api_v1.mounted import said


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
