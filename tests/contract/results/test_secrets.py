"""What stands under a secret name leaves the store by none of its ways to people."""

import json

import pytest
from django.contrib.auth.models import User
from django.test.utils import override_settings
from django.urls import reverse
from django_celery_results.models import TaskResult

from djtaskq.redaction import MARK
from djtaskq_results.admin import page
from tests.contract.results.acting import ask, result

SECRET = "hunter2"
KEPT = {"card": {"number": SECRET}, "total": 5, "url": f"https://x.org/?token={SECRET}&page=2"}


@pytest.fixture
def reader(database, client):
    client.force_login(User.objects.create_superuser("root", "root@example.org", "x"))
    return client


@pytest.fixture
def row(reader):
    return result(
        "a",
        task_args=json.dumps(f"('ann', {{'password': '{SECRET}'}})"),
        task_kwargs=json.dumps({"api_key": SECRET, "user": "ann"}),
        result=json.dumps(KEPT),
        meta=json.dumps({"headers": [["Authorization", SECRET]]}),
        traceback=f'  File "/srv/shop.py", line 3, in pay\n    token = pay(order)\nE: password={SECRET}\n',
    )


def whole(reader, row, column):
    return b"".join(
        reader.get(reverse("admin:djtaskq_results_whole", args=[row.pk, column])).streaming_content
    ).decode()


def test_they_are_on_no_page(reader, row):
    for status, stored in (
        ("SUCCESS", json.dumps(KEPT)),
        ("FAILURE", json.dumps({"exc_type": "E", "exc_message": [f"pin={SECRET}"]})),
    ):
        TaskResult.objects.update(status=status, result=stored)
        html = reader.get(
            reverse("admin:django_celery_results_taskresult_change", args=[row.pk])
        ).content.decode()
        assert SECRET not in html
        assert MARK in html
        assert "token = pay(order)" in html


def test_they_are_in_no_whole_text(reader, row, monkeypatch):
    for column in ("task_args", "task_kwargs", "result", "traceback", "meta"):
        text = whole(reader, row, column)
        assert SECRET not in text, column
        assert MARK in text, column
    assert json.loads(whole(reader, row, "result"))["total"] == 5
    monkeypatch.setattr(page, "PIECE", 10)
    monkeypatch.setattr(page, "MOST", 25)
    assert "The rest is not shown" in whole(reader, row, "result")


def test_they_are_in_no_file(reader, row):
    table = b"".join(ask(reader, "export_csv", row).streaming_content).decode()
    (found,) = json.loads(b"".join(ask(reader, "export_json", row).streaming_content))
    for text in (table, json.dumps(found)):
        assert SECRET not in text
        assert MARK in text
    assert found["result"] == {"card": MARK, "total": 5, "url": f"https://x.org/?token={MARK}&page=2"}
    assert found["task_kwargs"] == {"api_key": MARK, "user": "ann"}


@override_settings(ROOT_URLCONF="tests.contract.results.statusurls")
def test_they_are_in_no_status(reader, row):
    (url,) = {reverse("djtaskq_results:task_status", args=["a"])}
    assert reader.get(url).json()["result"]["card"] == MARK


def test_what_nobody_can_look_into_is_left_out(reader, row):
    TaskResult.objects.update(
        content_encoding="binary", content_type="application/x-python-serialize", result="gASV"
    )
    assert whole(reader, row, "result") == MARK
    assert "gASV" not in b"".join(ask(reader, "export_json", row).streaming_content).decode()


def test_they_are_there_where_the_setting_says_so(reader, row, settings):
    settings.DJTASKQ = {"REDACT_KEYS": ()}
    assert whole(reader, row, "result") == json.dumps(KEPT)
    assert SECRET in b"".join(ask(reader, "export_csv", row).streaming_content).decode()
