"""What people do to results: by whom, to which, once, and on record."""

import csv
import io
import json
import uuid

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult
from kombu.exceptions import OperationalError

from djtaskq_results import operations
from djtaskq_results.admin import actions
from djtaskq_results.models import Operation, Rerun, TaskDetail

LIST = reverse("admin:django_celery_results_taskresult_changelist")
RIGHTS = {
    "run_again": "run_task_again",
    "revoke": "revoke_task",
    "terminate": "terminate_task",
    "forget": "delete_taskresult",
}
FILES = ("export_csv", "export_json")


def person(*codenames, name="ann", staff=True):
    made = User.objects.create_user(name, password="x", is_staff=staff)
    made.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


@pytest.fixture
def operator(database, client):
    client.force_login(person("view_taskresult", *RIGHTS.values()))
    return client


@pytest.fixture
def sent(monkeypatch):
    """What would go to the broker: tasks as (name, args, kwargs, options), orders as (ids, options)."""
    found = {"tasks": [], "orders": []}

    def send_task(name, args=None, kwargs=None, **options):
        found["tasks"].append((name, args, kwargs, options))

    monkeypatch.setattr(current_app, "send_task", send_task)
    monkeypatch.setattr(
        current_app.control, "revoke", lambda ids, **options: found["orders"].append((sorted(ids), options))
    )
    return found


def result(task_id, status="SUCCESS", **columns):
    columns = {"task_name": "shop.charge", "task_args": "[1]", "task_kwargs": '{"b": 2}', **columns}
    row = TaskResult(
        task_id=task_id, status=status, content_type="application/json", content_encoding="utf-8", **columns
    )
    row.save()
    return row


def ask(client, action, *rows, query="", **more):
    # A page on which all that match are chosen sends its own rows as well.
    data = {"action": action, "index": 0, "_selected_action": [row.pk for row in rows] or [0], **more}
    return client.post(f"{LIST}{query}", data)


def do(client, action, *rows, **more):
    return ask(client, action, *rows, confirmed="yes", **more)


def told(client):
    return [str(message) for message in client.get(LIST).context["messages"]]


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


class TestMany:
    @pytest.fixture(autouse=True)
    def few_at_once(self, monkeypatch):
        monkeypatch.setattr(actions, "AT_ONCE", 2)
        monkeypatch.setattr(operations, "BATCH", 3)

    @pytest.fixture
    def published(self, monkeypatch):
        """The operations that were handed to a worker."""
        found = []
        monkeypatch.setattr(
            actions.proceed, "apply_async", lambda args, **_: found.append(uuid.UUID(args[0]))
        )
        return found

    def test_all_that_match_go_in_the_background(self, operator, published):
        for number in range(8):
            result(f"failed-{number}", "FAILURE")
        kept = result("well", "SUCCESS")
        response = do(operator, "forget", select_across="1", query="?status=FAILURE")
        (operation,) = Operation.objects.all()
        assert response["Location"] == reverse("admin:djtaskq_results_operation_change", args=[operation.pk])
        assert published == [operation.pk]
        assert TaskResult.objects.count() == 9
        assert "waiting for a worker" in operator.get(response["Location"]).content.decode()
        operations.proceed(operation.pk, current_app)
        assert list(TaskResult.objects.values_list("pk", flat=True)) == [kept.pk]
        page = operator.get(response["Location"]).content.decode()
        assert "8 done, 0 left out" in page
        assert LogEntry.objects.filter(object_id=str(operation.pk)).count() == 1

    def test_what_came_after_the_question_is_left_alone(self, operator, published, sent):
        for number in range(4):
            result(f"old-{number}", "FAILURE")
        up_to = ask(operator, "run_again", select_across="1", query="?status=FAILURE").context["up_to"]
        result("new", "FAILURE")
        do(operator, "run_again", select_across="1", query="?status=FAILURE", up_to=up_to)
        operations.proceed(published[0], current_app)
        assert sorted(Rerun.objects.values_list("original_id", flat=True)) == [f"old-{n}" for n in range(4)]

    def test_every_filter_of_the_list_is_one_of_the_operation(self, operator, published):
        for task_id in ("a-1", "a-2", "a-3", "b-1"):
            result(task_id, "FAILURE", worker="one@host")
            TaskDetail.objects.create(task_id=task_id, queue="slow", created_at=timezone.now())
        query = "?status=FAILURE&task_name=shop.charge&worker=one@host&queue=slow&since=1h&q=a-"
        do(operator, "forget", select_across="1", query=query)
        operations.proceed(published[0], current_app)
        assert list(TaskResult.objects.values_list("task_id", flat=True)) == ["b-1"]

    def test_a_filter_that_a_worker_would_not_know_is_refused(self, operator, published):
        for number in range(4):
            result(str(number))
        do(operator, "forget", select_across="1", query="?date_created__year=1999")
        assert not Operation.objects.exists()
        assert "Select page by page" in told(operator)[0]

    def test_run_twice_it_is_done_once(self, operator, published, sent):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        operations.proceed(published[0], current_app)
        operations.proceed(published[0], current_app)
        assert len(sent["tasks"]) == 7
        assert Operation.objects.get().done == 7

    def test_a_second_runner_waits_for_the_first_to_die(self, operator, published, sent):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        Operation.objects.update(runner=uuid.uuid4(), held_until=timezone.now() + operations.HELD)
        operations.proceed(published[0], current_app)
        assert sent["tasks"] == []
        Operation.objects.update(held_until=timezone.now() - operations.HELD)
        operations.proceed(published[0], current_app)
        assert len(sent["tasks"]) == 7

    def test_a_broker_that_goes_away_leaves_the_rest_for_later(self, operator, published, sent, monkeypatch):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        publish = current_app.send_task

        def fail_at_the_fifth(*args, **options):
            if len(sent["tasks"]) == 4:
                raise OperationalError("gone")
            publish(*args, **options)

        monkeypatch.setattr(current_app, "send_task", fail_at_the_fifth)
        with pytest.raises(OperationalError):
            operations.proceed(published[0], current_app)
        operation = Operation.objects.get()
        assert operation.done == 3
        assert "broker cannot be reached" in operation.problem
        monkeypatch.setattr(current_app, "send_task", publish)
        operations.proceed(published[0], current_app)
        ids = [options["task_id"] for *_, options in sent["tasks"]]
        assert len(ids) == len(set(ids)) == 7
        assert Operation.objects.get().done == 7

    def test_it_can_be_stopped_and_told_to_go_on_by_those_who_may(self, operator, client, published, sent):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        stop = reverse("admin:djtaskq_results_operation_stop", args=published)
        go_on = reverse("admin:djtaskq_results_operation_go_on", args=published)
        client.force_login(person("view_taskresult", "view_operation", name="viewer"))
        assert client.post(stop).status_code == 403
        assert client.post(go_on).status_code == 403
        client.force_login(User.objects.get(username="ann"))
        assert client.get(stop).status_code == 405
        assert client.post(go_on).status_code == 302
        assert len(published) == 2
        assert client.post(stop).status_code == 302
        operations.proceed(published[0], current_app)
        assert sent["tasks"] == []
        assert (
            "stopped"
            in client.get(
                reverse("admin:djtaskq_results_operation_change", args=published[:1])
            ).content.decode()
        )

    def test_others_do_not_see_it_without_the_right_to(self, operator, client, published):
        for number in range(4):
            result(str(number))
        do(operator, "forget", select_across="1")
        page = reverse("admin:djtaskq_results_operation_change", args=published)
        assert operator.get(page).status_code == 200
        client.force_login(person("view_taskresult", name="other"))
        assert client.get(page).status_code == 403


@pytest.mark.parametrize("database", ["default"], indirect=True)  # what is typed is no database's business
class TestForm:
    def url(self, row):
        return reverse("admin:djtaskq_results_run_again", args=[row.pk])

    def data(self, **more):
        return {"args": "[1]", "kwargs": '{"b": 2}', "queue": "", "token": uuid.uuid4(), **more}

    def test_it_starts_with_what_is_stored(self, operator):
        page = operator.get(self.url(result("a", task_args="[1, 2]"))).content.decode()
        assert ">\n[1, 2]</textarea>" in page
        assert "are not stored" not in page

    def test_a_text_for_people_is_shown_beside_empty_fields(self, operator):
        page = operator.get(
            self.url(result("a", task_args='"(<Order 3>,)"', task_kwargs='"{}"'))
        ).content.decode()
        assert "(&lt;Order 3&gt;,)" in page
        assert "are not stored" in page
        assert ">\n</textarea>" in page

    def test_it_sends_what_was_typed_and_links_both(self, operator, sent):
        row = result("a")
        data = self.data(args='["typed"]', queue="slow")
        assert operator.post(self.url(row), data).status_code == 302
        name, args, kwargs, options = sent["tasks"][0]
        assert (name, args, kwargs) == ("shop.charge", ["typed"], {"b": 2})
        assert options == {"task_id": str(data["token"]), "queue": "slow"}
        assert Rerun.objects.get().task_id == str(data["token"])
        assert LogEntry.objects.get().object_id == str(row.pk)

    def test_the_same_form_counts_once(self, operator, sent):
        row, data = result("a"), self.data()
        operator.post(self.url(row), data)
        operator.post(self.url(row), data)
        assert len(sent["tasks"]) == 1
        assert LogEntry.objects.count() == 1

    @pytest.mark.parametrize(
        ("field", "typed", "reason"),
        [
            ("args", "[1,", "no JSON"),
            ("args", "(1, 2)", "no JSON"),
            ("args", '{"a": 1}', "must be a list"),
            ("kwargs", "[1]", "must be an object"),
            ("kwargs", "__import__('os')", "no JSON"),
            ("args", "", "required"),
        ],
    )
    def test_what_is_no_json_is_refused_with_the_place(self, operator, sent, field, typed, reason):
        page = operator.post(self.url(result("a")), self.data(**{field: typed}))
        assert page.status_code == 200
        assert reason in page.content.decode()
        assert sent["tasks"] == []

    def test_a_broker_that_is_away_is_said_and_nothing_is_linked(self, operator, monkeypatch):
        def away(*_args, **_options):
            raise OperationalError("refused")

        monkeypatch.setattr(current_app, "send_task", away)
        page = operator.post(self.url(result("a")), self.data())
        assert "nothing was sent" in page.content.decode()
        assert not Rerun.objects.exists()

    def test_a_task_without_a_name_cannot_be_run_again(self, operator):
        row = result("a", task_name=None)
        assert operator.get(self.url(row)).status_code == 302
        assert "name is not stored" in told(operator)[0]

    def test_an_unknown_row_is_not_found(self, operator):
        for wrong in ("999999", "x"):
            url = reverse("admin:djtaskq_results_run_again", args=[wrong])
            assert operator.get(url).status_code == 404


class TestExport:
    def rows(self, response):
        assert response.streaming
        assert "attachment" in response["Content-Disposition"]
        return b"".join(response.streaming_content).decode()

    @pytest.fixture
    def viewer(self, database, client):
        client.force_login(person("view_taskresult"))
        return client

    def test_a_selection_as_csv(self, viewer):
        kept = result("a", result='"é"', worker="one@host")
        result("b")
        lines = list(csv.DictReader(io.StringIO(self.rows(ask(viewer, "export_csv", kept)))))
        assert [(line["task_id"], line["result"], line["worker"]) for line in lines] == [
            ("a", '"é"', "one@host")
        ]

    def test_all_that_match_as_json(self, viewer, monkeypatch):
        monkeypatch.setattr("djtaskq_results.exports.BATCH", 2)
        for number in range(5):
            result(str(number), "FAILURE", result='{"a": [1]}')
        result("well")
        text = self.rows(ask(viewer, "export_json", select_across="1", query="?status=FAILURE"))
        found = json.loads(text)
        assert [row["task_id"] for row in found] == list("01234")
        assert found[0]["result"] == {"a": [1]}

    def test_nothing_is_an_empty_array(self, viewer):
        assert (
            json.loads(self.rows(ask(viewer, "export_json", select_across="1", query="?status=NONE"))) == []
        )

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
    def test_no_cell_is_a_formula(self, viewer, text):
        row = result(f"{text}x", task_name=text, worker=text, result=text, traceback=text)
        (line,) = csv.DictReader(io.StringIO(self.rows(ask(viewer, "export_csv", row)), newline=""))
        assert [line[name] for name in ("task_name", "worker", "result", "traceback")] == [f"'{text}"] * 4

    def test_a_large_text_is_cut_with_a_mark(self, viewer, monkeypatch):
        monkeypatch.setattr("djtaskq_results.exports.CELL", 10)
        row = result("a", result="x" * 11)
        (line,) = csv.DictReader(io.StringIO(self.rows(ask(viewer, "export_csv", row))))
        assert line["result"] == f"{'x' * 10}…"

    def test_a_pickle_stays_text(self, viewer, make_app):
        make_app("pickle").backend.mark_as_done("a", {"a": 1})
        (found,) = json.loads(self.rows(ask(viewer, "export_json", TaskResult.objects.get())))
        assert isinstance(found["result"], str)
        assert found["content_type"] == "application/x-python-serialize"
