"""The page of one task: why it failed, when what happened, what belongs to it, and running it again."""

import datetime as dt
import json
import uuid

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult
from kombu.exceptions import OperationalError

from djtaskq_monitor.family import MOST, family_of
from djtaskq_monitor.models import TaskState

TRACEBACK = """Traceback (most recent call last):
  File "/srv/.venv/lib/python3.12/site-packages/celery/app/trace.py", line 453, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/shop/tasks.py", line 12, in charge
    token = order.token(password=given)
ValueError: no such order for {'token': 'hunter2'}
"""
SCRIPT = "<script>alert(1)</script>"
# The person, the row, the outcome and the timeline of each app, the relatives, the arguments.
MOST_STATEMENTS = 20


def person(client, *codenames):
    someone = User.objects.create_user(f"u{len(codenames)}", password="x", is_staff=True)
    someone.user_permissions.set(
        Permission.objects.filter(codename__in=codenames, content_type__app_label="djtaskq_monitor")
    )
    client.force_login(someone)
    return client


@pytest.fixture
def viewer(database, client):
    return person(client, "view_taskstate")


@pytest.fixture
def operator(database, client):
    return person(client, "view_taskstate", "run_task_again")


def task(task_id="t", **columns):
    now = timezone.now()
    values = {"name": "shop.charge", "state": "SUCCESS", "tstamp": now, "first_seen": now, **columns}
    return TaskState.objects.create(task_id=task_id, **values)


def page_of(row):
    return reverse("admin:djtaskq_monitor_taskstate_change", args=[row.pk])


def shown(client, row):
    response = client.get(page_of(row))
    assert response.status_code == 200
    return response.content.decode()


def test_why_it_failed_comes_first_without_its_secrets(viewer):
    row = task(
        state="FAILURE",
        exception="ValueError(\"no such order for {'token': 'hunter2'}\")",
        traceback=TRACEBACK,
    )
    html = shown(viewer, row)
    why = html[html.index('id="djtaskq-why"') :][:1_500]
    assert "no such order for" in why
    assert "/srv/shop/tasks.py" in why
    assert "hunter2" not in html
    assert "[redacted]" in html
    # A line of source tells no secret, and is what one looks for.
    assert "token = order.token(password=given)" in html
    own = html[html.index('<span class="djtaskq-own">') :]
    assert "shop/tasks.py" in own[:80]
    assert "celery/app/trace.py" in html[html.index('<span class="djtaskq-others">') :][:120]


def test_arguments_and_result_are_shown_without_their_secrets(viewer):
    row = task(
        args="('ann', {'password': 'hunter2'})",
        kwargs="{'api_key': 'hunter2', 'note': '" + "n" * 900 + "'}",
        result="{'card_number': 'hunter2', 'total': 5}",
    )
    html = shown(viewer, row)
    assert "hunter2" not in html
    assert html.count("[redacted]") >= 3
    assert "all 946 characters" in html or "characters" in html
    assert "may be cut" in html


def test_real_arguments_stand_in_the_place_of_the_text(viewer):
    row = task(args="(1, ...)", kwargs="{...}")
    TaskResult.objects.create(
        task_id="t", status="SUCCESS", content_type="application/json", content_encoding="utf-8",
        task_args="[1, 22, 333]", task_kwargs=json.dumps({"token": "hunter2", "whole": True}),
    )  # fmt: skip
    html = shown(viewer, row)
    assert "[1, 22, 333]" in html
    assert "as they are stored with the result" in html
    assert "hunter2" not in html


def test_the_timeline_has_waiting_and_running(viewer):
    now = timezone.now()
    at = {
        name: now + dt.timedelta(seconds=after)
        for name, after in (("sent", 0), ("received", 2), ("started", 3), ("succeeded", 63))
    }
    html = shown(viewer, task(runtime=60.0, retries=2, queue="slow", worker_id="one@h", **at))
    timeline = html[html.index('id="djtaskq-timeline"') :]
    assert (
        timeline.index(">sent<")
        < timeline.index(">received<")
        < timeline.index(">started<")
        < timeline.index(">succeeded<")
    )
    assert "waited: 3.00" in timeline
    assert "ran: 1" in timeline
    assert "?queue=slow" in html
    assert "?worker=one%40h" in html


def test_a_state_of_one_s_own_is_said_to_be_one(viewer):
    assert "The task itself set PROGRESS" in shown(viewer, task(state="PROGRESS"))


def test_the_page_costs_as_much_however_large_the_family(viewer, database):
    rows = [task("root", root_id="root")]
    TaskState.objects.bulk_create(
        TaskState(task_id=f"c{number}", root_id="root", parent_id="root", state="SUCCESS", name="shop.part",
                  tstamp=timezone.now(), first_seen=timezone.now())
        for number in range(MOST + 100)
    )  # fmt: skip
    with CaptureQueriesContext(connections[database]) as captured:
        html = shown(viewer, rows[0])
    assert len(captured) <= MOST_STATEMENTS, [entry["sql"] for entry in captured]
    assert "There are more" in html
    assert html.count("shop.part") <= MOST + 1


def test_the_family_is_a_tree_from_the_root_on(viewer):
    for task_id, parent in (
        ("root", None),
        ("child", "root"),
        ("grandchild", "child"),
        ("sibling", "root"),
        ("orphan", "gone"),
    ):
        row = task(task_id, name=f"shop.{task_id}", root_id="root", parent_id=parent)
    tree = shown(viewer, TaskState.objects.get(task_id="child"))
    tree = tree[tree.index('class="djtaskq-tree"') :]
    assert (
        tree.index("shop.root")
        < tree.index("shop.child")
        < tree.index("shop.grandchild")
        < tree.index("shop.sibling")
    )
    assert '<strong aria-current="page">shop.child</strong>' in tree
    assert page_of(TaskState.objects.get(task_id="sibling")) in tree
    assert family_of(row).root.task_id == "root"


def test_a_root_that_nobody_told_of_and_a_circle_are_shown(viewer):
    task("a", root_id="gone", parent_id="b")
    row = task("b", root_id="gone", parent_id="a")
    html = shown(viewer, row)
    assert "no event told of it" in html
    found = family_of(row)
    assert {each.task_id for each in found.root.below} & {"a", "b"}


def test_of_a_large_family_the_nearest_are_shown(database):
    task("root", root_id="root")
    now = timezone.now()
    usual = {"root_id": "root", "parent_id": "root", "state": "SUCCESS", "tstamp": now, "first_seen": now}
    many = [TaskState(task_id=f"c{number}", **usual) for number in range(MOST + 200)]
    TaskState.objects.bulk_create(many)
    row = task("late", root_id="root", parent_id="c399")
    task("later", root_id="root", parent_id="late")
    found = family_of(row)
    known, todo = set(), [found.root]
    while todo:
        node = todo.pop()
        known.add(node.task_id)
        todo += node.below
    assert found.cut
    assert {"root", "c399", "late", "later"} <= known
    assert len(known) <= MOST


def test_a_task_is_found_by_its_id(viewer):
    row = task("a/b?c")
    response = viewer.get(reverse("admin:djtaskq_monitor_task", args=["a/b?c"]))
    assert response["Location"] == page_of(row)


def test_of_a_task_that_no_event_told_of_the_result_store_is_asked(viewer):
    TaskResult.objects.create(
        task_id="known", status="FAILURE", content_type="application/json", content_encoding="utf-8",
        result=json.dumps({"exc_type": "ValueError", "exc_message": ["{'token': 'hunter2'} " + SCRIPT]}),
    )  # fmt: skip
    found = viewer.get(reverse("admin:djtaskq_monitor_task", args=["known"]))
    html = found.content.decode()
    assert found.status_code == 404
    assert "No event told of this task" in html
    assert "ValueError" in html
    assert "hunter2" not in html
    assert SCRIPT not in html
    assert (
        reverse("admin:django_celery_results_taskresult_change", args=[TaskResult.objects.get().pk]) in html
    )
    nobody = viewer.get(reverse("admin:djtaskq_monitor_task", args=["\x00" + SCRIPT]))
    assert nobody.status_code == 404
    assert "What others know of it" not in nobody.content.decode()
    assert SCRIPT not in nobody.content.decode()


def test_pages_take_the_permission(database, client):
    row = task()
    urls = [
        page_of(row),
        reverse("admin:djtaskq_monitor_task", args=["t"]),
        reverse("admin:djtaskq_monitor_run_again", args=[row.pk]),
    ]
    assert [client.get(url).status_code for url in urls] == [302, 302, 302]
    person(client)
    assert [client.get(url).status_code for url in urls] == [403, 403, 403]


def test_the_page_is_live(viewer):
    row = task(state="STARTED")
    first = viewer.get(page_of(row), headers={"X-Djtaskq-Live": "1"})
    headers = {"X-Djtaskq-Live": "1", "If-None-Match": first["ETag"]}
    assert viewer.get(page_of(row), headers=headers).status_code == 304
    TaskState.objects.update(writes=2, state="SUCCESS")
    assert viewer.get(page_of(row), headers=headers).status_code == 200


class TestAgain:
    @pytest.fixture
    def sent(self, monkeypatch):
        found = []
        monkeypatch.setattr(
            current_app,
            "send_task",
            lambda name, args=None, kwargs=None, **options: found.append((name, args, kwargs, options)),
        )
        return found

    def url(self, row):
        return reverse("admin:djtaskq_monitor_run_again", args=[row.pk])

    def data(self, **more):
        return {"args": "[1]", "kwargs": '{"b": 2}', "queue": "", "token": uuid.uuid4(), **more}

    def test_it_takes_its_own_permission(self, viewer, sent):
        row = task()
        assert "run-again" not in shown(viewer, row)
        assert viewer.get(self.url(row)).status_code == 403
        assert viewer.post(self.url(row), self.data()).status_code == 403
        assert sent == []

    def test_a_form_counts_once_and_is_in_the_log(self, operator, sent):
        row, data = task(queue="slow"), self.data(queue="slow")
        assert self.url(row) in shown(operator, row)
        for _ in range(2):
            assert operator.post(self.url(row), data).status_code == 302
        ((name, args, kwargs, options),) = sent
        assert (name, args, kwargs) == ("shop.charge", [1], {"b": 2})
        assert options == {"task_id": str(data["token"]), "queue": "slow"}
        entry = LogEntry.objects.get()
        assert (entry.object_id, str(data["token"]) in entry.change_message) == (str(row.pk), True)
        new = TaskState.objects.get(task_id=str(data["token"]))
        assert (new.name, new.state) == ("shop.charge", "PENDING")

    def test_events_take_the_place_of_what_was_noted(self, operator, sent, database):
        from tests.contract.monitor.test_admin import record
        from tests.monitoring import success

        data = self.data()
        operator.post(self.url(task()), data)
        record(success(str(data["token"]), at=1_000_000_000), database, now=timezone.now().timestamp())
        new = TaskState.objects.get(task_id=str(data["token"]))
        assert (new.name, new.state, new.repeats) == ("proj.tasks.add", "SUCCESS", None)

    def test_a_broker_that_is_away_leaves_nothing(self, operator, monkeypatch):
        def away(*_args, **_options):
            raise OperationalError("refused")

        monkeypatch.setattr(current_app, "send_task", away)
        page = operator.post(self.url(task()), self.data())
        assert "nothing was sent" in page.content.decode()
        assert TaskState.objects.count() == 1
        assert not LogEntry.objects.exists()

    def test_texts_are_shown_beside_empty_fields_and_never_taken(self, operator, sent):
        row = task(args="('ann', {'password': 'hunter2'})", kwargs="{}")
        html = operator.get(self.url(row)).content.decode()
        assert "are not stored" in html
        assert ">\n</textarea>" in html
        assert "hunter2" not in html

    def test_a_task_without_a_name_cannot_be_sent(self, operator, sent):
        row = task(name=None)
        assert "run-again" not in shown(operator, row)
        assert operator.get(self.url(row)).status_code == 302
        for wrong in ("999999", "x"):
            assert operator.get(reverse("admin:djtaskq_monitor_run_again", args=[wrong])).status_code == 404


def test_failures_elsewhere_tell_no_secrets_either(database, admin_client):
    task(
        state="FAILURE",
        outcome="FAILURE",
        exception="ValueError(\"no {'token': 'hunter2'}\")",
        name="shop.charge",
    )
    urls = [
        reverse("admin:djtaskq_monitor_dashboard_changelist"),
        reverse("admin:djtaskq_monitor_taskname_page", query={"name": "shop.charge"}),
    ]
    for url in urls:
        html = admin_client.get(url).content.decode()
        assert "[redacted]" in html, url
        assert "hunter2" not in html, url
