"""The list and the page of results, as they are asked for again and again while they stand open."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_results.models import TaskResult

from djtaskq.admin.live import HEADER
from tests.contract.results.conftest import protocol_2

LIST = "admin:django_celery_results_taskresult_changelist"
DETAIL = "admin:django_celery_results_taskresult_change"
# The session, the person, what they may see, and whether anything changed.
MOST_STATEMENTS = 5


@pytest.fixture
def someone(database, client):
    user = User.objects.create_user("someone", password="x", is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def reader(someone, client, monkeypatch):
    monkeypatch.setattr("djtaskq_results.admin.task_results.every", lambda _seconds: 0)
    someone.user_permissions.set(Permission.objects.filter(codename="view_taskresult"))
    return client


def asked(client, url, tag=""):
    return client.get(url, headers={HEADER: "1", **({"If-None-Match": tag} if tag else {})})


def urls(task_id):
    pk = TaskResult.objects.values_list("pk", flat=True).get(task_id=task_id)
    return reverse(LIST), reverse(DETAIL, args=[pk])


def test_a_page_that_has_not_changed_costs_a_few_statements(reader, backend, task_id, database):
    backend.store_result(task_id, {"pid": 1}, "STARTED", request=protocol_2(task_id))
    for url in urls(task_id):
        first = asked(reader, url)
        assert first.status_code == 200
        with CaptureQueriesContext(connections[database]) as statements:
            again = asked(reader, url, first["ETag"])
        assert (again.status_code, again.content) == (304, b"")
        assert len(statements) <= MOST_STATEMENTS


def test_a_state_that_is_stored_changes_the_list_and_the_page(reader, backend, task_id):
    backend.store_result(task_id, {"pid": 1}, "STARTED", request=protocol_2(task_id))
    tags = {url: asked(reader, url)["ETag"] for url in urls(task_id)}
    backend.mark_as_done(task_id, 42, protocol_2(task_id))
    for url, tag in tags.items():
        fresh = asked(reader, url, tag)
        assert fresh.status_code == 200
        assert "SUCCESS" in fresh.content.decode()
        assert "data-live" in fresh.content.decode()


def test_who_may_not_see_a_page_is_not_told_whether_it_changed(someone, client, backend, task_id):
    backend.mark_as_done(task_id, 42, protocol_2(task_id))
    for url in urls(task_id):
        response = asked(client, url, '"anything"')
        assert response.status_code == 403
        assert "ETag" not in response
