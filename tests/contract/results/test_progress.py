"""How far a running task is, as it is stored, told to others, and shown on its page."""

import json

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_results.models import TaskResult

from djtaskq.admin.live import HEADER
from djtaskq.redaction import MARK
from djtaskq.task_progress import Progress
from djtaskq_results import queries
from tests.contract.results.acting import person
from tests.contract.results.conftest import protocol_2

META = {"current": 37, "total": 120, "description": "file <b>, password=hunter2"}
TEXT = f"file <b>, password={MARK}"


@pytest.fixture
def reader(database, client):
    client.force_login(person("view_taskresult"))
    return client


def stored(task_id, result, status="PROGRESS", content_type="application/json"):
    return TaskResult.objects.create(
        task_id=task_id, status=status, result=result, content_type=content_type, content_encoding="utf-8"
    )


def test_others_are_told_in_the_one_statement(backend, database):
    backend.store_result("running", META, "PROGRESS")
    backend.store_result("started", {"pid": 1, "hostname": "one@h"}, "STARTED")
    backend.mark_as_done("ended", META)
    backend.mark_as_retry("tried", ValueError("no such thing"))
    with CaptureQueriesContext(connections[database]) as asked:
        known = queries.outcomes(["running", "started", "ended", "tried"])
    assert len(asked) == 1
    assert {task_id: outcome.progress for task_id, outcome in known.items()} == {
        "running": Progress(done=37, total=120, text=TEXT),
        **dict.fromkeys(("started", "ended", "tried")),
    }
    assert known["running"].error == ""
    assert known["tried"].error == "ValueError: no such thing"


def test_large_results_are_not_read(database, monkeypatch):
    """What has ended is left in the database, and of what runs no more than a bounded beginning is taken."""
    stored("ended", json.dumps("x" * 100_000), "SUCCESS")
    stored("large", json.dumps({"current": 1, "text": "x" * 100_000}))
    told = {}
    outcome = queries._outcome
    monkeypatch.setattr(queries, "_outcome", lambda row: told.update({row.task_id: row.told}) or outcome(row))
    known = queries.outcomes(["ended", "large"])
    assert told["ended"] is None
    assert len(told["large"]) == queries.PROGRESS_LENGTH + 1
    assert known["large"].progress is None


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 5_000, "null", '{"current": "\\u0000"}', '{"current": 1e999}', '{"current": NaN}']
)
def test_what_cannot_be_understood_is_no_progress_and_no_error(reader, text):
    row = stored("odd", text)
    assert queries.outcomes(["odd"])["odd"].progress is None
    html = reader.get(reverse("admin:django_celery_results_taskresult_change", args=[row.pk]))
    assert html.status_code == 200
    assert "djtaskq-progress" not in html.content.decode()


def test_what_is_not_stored_as_json_is_not_decoded(database, make_app):
    make_app("pickle").backend.store_result("pickled", META, "PROGRESS")
    stored("yaml", "{current: 1}", content_type="application/x-yaml")
    assert {outcome.progress for outcome in queries.outcomes(["pickled", "yaml"]).values()} == {None}


def test_the_page_shows_a_bar_that_moves_and_goes(reader, backend, task_id, monkeypatch):
    monkeypatch.setattr("djtaskq_results.admin.task_results.every", lambda _seconds: 0)
    backend.store_result(task_id, META, "PROGRESS", request=protocol_2(task_id))
    pk = TaskResult.objects.get(task_id=task_id).pk
    url = reverse("admin:django_celery_results_taskresult_change", args=[pk])
    first = reader.get(url, headers={HEADER: "1"})
    html = first.content.decode()
    assert "37 of 120, 30\N{NO-BREAK SPACE}%" in html
    assert "file &lt;b&gt;" in html
    assert "hunter2" not in html
    backend.store_result(task_id, {**META, "current": 60}, "PROGRESS", request=protocol_2(task_id))
    second = reader.get(url, headers={HEADER: "1", "If-None-Match": first["ETag"]})
    assert "60 of 120, 50\N{NO-BREAK SPACE}%" in second.content.decode()
    backend.mark_as_done(task_id, META, protocol_2(task_id))
    assert "djtaskq-progress" not in reader.get(url).content.decode()
