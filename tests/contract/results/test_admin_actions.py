"""What people do to results: by whom, to which, once, and on record."""

import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq_results.admin import actions
from djtaskq_results.models import Operation, Rerun, TaskDetail
from tests.contract.results.acting import FILES, LIST, RIGHTS, ask, catch_sent, do, person, result, told


@pytest.fixture
def sent(monkeypatch):
    return catch_sent(monkeypatch)


def test_an_action_asks_back_with_the_count(operator, sent):
    rows = [result("a"), result("b")]
    for action in RIGHTS:
        page = ask(operator, action, *rows)
        assert page.status_code == 200
        assert "2 results" in page.content.decode()
        assert "csrfmiddlewaretoken" in page.content.decode()
    assert TaskResult.objects.count() == 2
    assert sent == {"tasks": [], "orders": []}


def test_running_again_sends_what_is_stored_under_a_new_id(operator, sent):
    row = result("a")
    assert do(operator, "run_again", row, queue="slow").status_code == 302
    ((name, args, kwargs, options),) = sent["tasks"]
    assert (name, args, kwargs, options["queue"]) == ("shop.charge", [1], {"b": 2}, "slow")
    rerun = Rerun.objects.get()
    assert (rerun.original_id, rerun.task_id, rerun.username) == ("a", options["task_id"], "ann")
    assert uuid.UUID(rerun.task_id)


def test_arguments_that_are_kept_beside_come_first(operator, sent):
    row = result("a", task_args='"(1, ...)"', task_kwargs='"{}"')
    TaskDetail.objects.create(task_id="a", args="[7]", kwargs='{"c": 3}', created_at=timezone.now())
    do(operator, "run_again", row)
    assert sent["tasks"][0][1:3] == ([7], {"c": 3})


def test_a_text_for_people_is_never_taken_for_arguments(operator, sent):
    rows = [
        result("a", task_args='"(1,)"', task_kwargs='"{}"'),
        result("b", task_args="(1,)", task_kwargs="{}"),
        result("c", task_args="[1", task_kwargs="{}"),
        result("d", task_args="{}", task_kwargs="[]"),
        result("e", task_name=None),
        result("f", task_args=None, task_kwargs=None),
    ]
    do(operator, "run_again", *rows)
    assert sent["tasks"] == []
    assert "6 left out" in told(operator)[0]


def test_revoking_leaves_out_what_has_ended(operator, sent):
    rows = [result("a", "STARTED"), result("b", "PENDING"), result("c", "SUCCESS"), result("d", "RETRY")]
    do(operator, "revoke", *rows)
    assert sent["orders"] == [(["a", "b", "d"], {})]
    assert "3 done, 1 left out" in told(operator)[0]


def test_terminating_names_its_signal(operator, sent):
    row = result("a", "STARTED")
    assert do(operator, "terminate", row, signal="SIGNONSENSE").status_code == 200
    assert sent["orders"] == []
    do(operator, "terminate", row, signal="SIGKILL")
    assert sent["orders"] == [(["a"], {"terminate": True, "signal": "SIGKILL"})]


def test_forgetting_deletes_the_rows_and_what_is_kept_beside(operator):
    rows = [result("a"), result("b"), result("c")]
    TaskDetail.objects.create(task_id="a", created_at=timezone.now())
    do(operator, "forget", *rows[:2])
    assert list(TaskResult.objects.values_list("task_id", flat=True)) == ["c"]
    assert not TaskDetail.objects.exists()


@pytest.mark.parametrize("action", RIGHTS)
def test_every_action_is_on_record_with_who_and_what(action, operator, sent):
    row = result("a", "STARTED")
    do(operator, action, row, signal="SIGTERM")
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "ann"
    assert entry.object_id == str(row.pk)
    assert str(actions.WORDS[action].title) in entry.change_message
    assert Operation.objects.get().username == "ann"


def all_ways(client, row):
    """The status of each way to do something: for a list of one, and for all that match."""
    found = {}
    for action in (*RIGHTS, *FILES):
        for across in ("0", "1"):
            response = do(client, action, row, signal="SIGTERM", select_across=across, query="?status=NONE")
            found[action, across] = response
    return found


def test_who_may_not_do_it_cannot(database, client, sent):
    row = result("a", "STARTED")
    url = reverse("admin:djtaskq_results_run_again", args=[row.pk])
    data = {"args": "[]", "kwargs": "{}", "token": uuid.uuid4()}
    people = {
        "nobody": None,
        "customer": person("view_taskresult", *RIGHTS.values(), name="customer", staff=False),
        "staff": person(name="staff"),
        "viewer": person("view_taskresult", name="viewer"),
    }
    for someone in people.values():
        client.logout()
        if someone:
            client.force_login(someone)
        all_ways(client, row)
        assert client.post(url, data).status_code in {302, 403}
        assert client.get(url).status_code in {302, 403}
    assert TaskResult.objects.count() == 1
    assert not Operation.objects.exists()
    assert not Rerun.objects.exists()
    assert sent == {"tasks": [], "orders": []}


def test_each_action_takes_its_own_right(database, client, sent):
    for action, right in RIGHTS.items():
        row = result(action, "STARTED")
        someone = person("view_taskresult", right, name=action)
        client.force_login(someone)
        offered = [
            name for name, _ in client.get(LIST).context["action_form"].fields["action"].choices if name
        ]
        assert set(offered) == {action, *FILES}
        for other in RIGHTS.keys() - {action}:
            do(client, other, row, signal="SIGTERM")
        assert not Operation.objects.exclude(kind=action).filter(username=action).exists()
        do(client, action, row, signal="SIGTERM")
        assert Operation.objects.filter(kind=action, username=action).count() == 1


def test_a_change_takes_a_post_and_its_token(database, client, sent):
    from django.test import Client

    row = result("a", "STARTED")
    someone = User.objects.create_superuser("root", "root@example.org", "secret")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(someone)
    assert do(strict, "forget", row).status_code == 403
    url = reverse("admin:djtaskq_results_run_again", args=[row.pk])
    assert strict.post(url, {"args": "[]", "kwargs": "{}", "token": uuid.uuid4()}).status_code == 403
    assert TaskResult.objects.exists()
