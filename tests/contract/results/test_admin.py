"""The pages that people see, on every database."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_results.models import GroupResult, TaskResult

from djtaskq_results import queries
from tests.contract.results.conftest import protocol_2

LIST = "admin:django_celery_results_taskresult_changelist"
DETAIL = "admin:django_celery_results_taskresult_change"
SCRIPT = "<script>alert(1)</script>"


def user(*codenames, staff=True):
    made = User.objects.create_user("someone", password="x", is_staff=staff)
    made.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


@pytest.fixture
def reader(database, client):
    client.force_login(user("view_taskresult", "view_groupresult"))
    return client


def page(client, name, *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_shows_state_worker_and_runtime(reader, backend, task_id):
    backend.store_result(task_id, {}, "STARTED", request=protocol_2(task_id))
    backend.mark_as_done(task_id, 42, protocol_2(task_id))
    html = page(reader, LIST)
    assert "djtaskq-state--good" in html
    assert "worker@host" in html
    assert task_id in html


def test_the_list_reads_no_column_of_any_size_and_counts_no_further_than_it_may(reader, backend, database):
    for number in range(3):
        backend.mark_as_done(f"task-{number}", "large", protocol_2(f"task-{number}"))
    with CaptureQueriesContext(connections[database]) as captured:
        page(reader, LIST)
    asked = [q["sql"] for q in captured.captured_queries if "django_celery_results_taskresult" in q["sql"]]
    assert len(asked) <= 3
    assert not any("DISTINCT" in sql for sql in asked)
    assert not any('"traceback"' in sql or "`traceback`" in sql for sql in asked)


def test_a_search_finds_the_beginning_of_an_id_and_a_whole_name(reader, backend):
    for task_id, name in (("abc-1", "proj.one"), ("abd-2", "proj.two")):
        backend.mark_as_done(task_id, 1, protocol_2(task_id, task=name))
    assert "abd-2" not in page(reader, LIST, q="abc")
    assert "abc-1" not in page(reader, LIST, q="proj.two")


def test_a_filter_by_state_is_one_of_a_few(reader, backend):
    backend.mark_as_done("well", 1)
    backend.mark_as_failure("badly", ValueError("x"))
    html = page(reader, LIST, status="FAILURE")
    assert "badly" in html
    assert ">well<" not in html


def test_the_detail_shows_what_happened(reader, backend, task_id):
    backend.mark_as_failure(task_id, ValueError("no such thing"), "Traceback: line 1", protocol_2(task_id))
    html = page(reader, DETAIL, TaskResult.objects.get().pk)
    assert "Traceback: line 1" in html
    assert "no such thing" in html
    assert "every minute" in html
    assert "(1, {&#x27;a&#x27;: 2})" in html


def test_what_a_worker_sent_is_escaped(reader, backend, task_id):
    request = protocol_2(
        task_id, task=SCRIPT, hostname=SCRIPT, argsrepr=SCRIPT, kwargsrepr=SCRIPT, periodic_task_name=SCRIPT
    )
    backend.store_result(task_id, {SCRIPT: SCRIPT}, SCRIPT, SCRIPT, request=request)
    for html in (page(reader, LIST), page(reader, DETAIL, TaskResult.objects.get().pk)):
        assert SCRIPT not in html
        assert "&lt;script&gt;" in html


def test_results_cannot_be_changed_or_added(reader, backend, task_id):
    backend.mark_as_done(task_id, 1)
    url = reverse(DETAIL, args=[TaskResult.objects.get().pk])
    assert reader.post(url, {"status": "FAILURE"}).status_code == 403
    assert reader.get(reverse("admin:django_celery_results_taskresult_add")).status_code == 403
    assert TaskResult.objects.get().status == "SUCCESS"


def test_deletion_takes_its_own_permission_and_is_logged(database, client, backend, task_id):
    backend.mark_as_done(task_id, 1)
    url = reverse("admin:django_celery_results_taskresult_delete", args=[TaskResult.objects.get().pk])
    client.force_login(someone := user("view_taskresult"))
    assert client.post(url, {"post": "yes"}).status_code == 403
    someone.user_permissions.add(Permission.objects.get(codename="delete_taskresult"))
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not TaskResult.objects.exists()
    assert LogEntry.objects.count() == 1


def test_a_binary_result_is_not_unpickled(reader, make_app, task_id):
    make_app("pickle").backend.mark_as_done(task_id, {"a": 1}, protocol_2(task_id))
    assert "not decoded here" in page(reader, DETAIL, TaskResult.objects.get().pk)


def test_a_group_shows_its_members_states(reader, app, backend):
    backend.mark_as_done("first", 1)
    members = [app.AsyncResult("first"), app.AsyncResult("second")]
    app.GroupResult("the-group", members).save(backend=backend)
    html = page(reader, "admin:django_celery_results_groupresult_change", GroupResult.objects.get().pk)
    assert html.index("first") < html.index("second")
    assert "SUCCESS" in html
    assert "PENDING" in html
    assert "the-group" in page(reader, "admin:django_celery_results_groupresult_changelist", q="the-")


def test_outcomes_are_read_in_one_statement(backend, database):
    backend.mark_as_done("well", "x" * 1_000)
    backend.mark_as_failure("badly", ValueError("no such thing"))
    backend.store_result("running", {}, "STARTED")
    with CaptureQueriesContext(connections[database]) as asked:
        known = queries.outcomes(["well", "badly", "running", "unknown"])
    assert len(asked) == 1
    assert known.keys() == {"well", "badly", "running"}
    assert known["badly"].error == "ValueError: no such thing"
    assert known["well"].finished.tzinfo is not None
    assert known["running"].finished is None
    assert known["running"].started is not None
    assert known["well"].links[0].url == reverse(DETAIL, args=[TaskResult.objects.get(task_id="well").pk])


@pytest.mark.urls("tests.contract.results.statusurls")
class TestStatus:
    def get(self, client, task_id):
        return client.get(f"/tasks/{task_id}/")

    def test_a_task_is_shown_as_json(self, reader, backend):
        backend.mark_as_done("well", {"sum": 3})
        backend.mark_as_failure("badly", KeyError("x"), "a traceback")
        backend.store_result("half", {"done": 1}, "PROGRESS")
        assert self.get(reader, "well").json() == {
            "task_id": "well",
            "state": "SUCCESS",
            "result": {"sum": 3},
        }
        assert self.get(reader, "badly").json() == {
            "task_id": "badly",
            "state": "FAILURE",
            "error": "KeyError: x",
        }
        assert self.get(reader, "half").json()["progress"] == {"done": 1}

    def test_an_unknown_task_is_not_found(self, reader):
        assert self.get(reader, "nobody").status_code == 404

    @pytest.mark.parametrize("task_id", ["%00", "x" * 3_000, "%F0%9F%8E%89", "%27%20OR%201", "%ED%A0%80"])
    def test_whatever_is_no_task_is_not_found(self, reader, task_id):
        assert self.get(reader, task_id).status_code == 404

    def test_a_pickled_result_is_not_shown(self, reader, make_app):
        make_app("pickle").backend.mark_as_done("well", 1)
        assert self.get(reader, "well").json()["result"] is None

    @pytest.mark.parametrize("codenames", [[], ["view_groupresult"]])
    def test_staff_without_the_permission_see_nothing(self, database, client, backend, codenames):
        backend.mark_as_done("well", 1)
        client.force_login(user(*codenames))
        assert self.get(client, "well").status_code == 403

    def test_others_see_nothing(self, database, client, backend):
        backend.mark_as_done("well", 1)
        assert self.get(client, "well").status_code == 403
        client.force_login(user("view_taskresult", staff=False))
        assert self.get(client, "well").status_code == 403

    def test_it_only_reads(self, reader):
        assert reader.post("/tasks/well/").status_code == 405
