"""Tasks that are sent by name, and their results."""

import time
from http import HTTPStatus

from celery import Celery, current_app
from django.contrib.admin.models import LogEntry

from tests.contract.monitor.api.mounted import said

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
