"""The page of one result: why it failed, what it was, and what belongs to it."""

import datetime as dt
import json
import uuid

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import GroupResult, TaskResult

from djtaskq_beat.models import TaskRun
from djtaskq_monitor.models import TaskState
from djtaskq_results import queries
from djtaskq_results.models import Rerun, TaskDetail
from tests.contract.results.conftest import protocol_2

TRACEBACK = """Traceback (most recent call last):
  File "/srv/.venv/lib/python3.12/site-packages/celery/app/trace.py", line 453, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/shop/tasks.py", line 12, in charge
    raise ValueError("no such order")
ValueError: no such order
"""
SCRIPT = "<script>alert(1)</script>"
DETAIL = "admin:django_celery_results_taskresult_change"
# The person, the row, its details, its reruns, the outcome and the timeline of each app, the tree.
MOST_STATEMENTS = 22


@pytest.fixture
def reader(database, client):
    someone = User.objects.create_user("someone", password="x", is_staff=True)
    someone.user_permissions.set(
        Permission.objects.filter(codename__in=["view_taskresult", "view_groupresult"])
    )
    client.force_login(someone)
    return client


def key(task_id):
    return TaskResult.objects.values_list("pk", flat=True).get(task_id=task_id)


def page(client, task_id):
    response = client.get(reverse(DETAIL, args=[key(task_id)]))
    assert response.status_code == 200
    return response.content.decode()


def test_why_it_failed_comes_before_everything_else(reader, backend, task_id):
    backend.mark_as_failure(task_id, ValueError("no such order"), TRACEBACK, protocol_2(task_id))
    html = page(reader, task_id)
    why = html[html.index('id="djtaskq-why"') :]
    assert "ValueError: no such order" in why[:500]
    assert "/srv/shop/tasks.py" in why[:500]
    assert html.index('id="djtaskq-why"') < html.index("djtaskq-facts") < html.index("<fieldset")


def test_ones_own_frames_stand_out(reader, backend, task_id):
    backend.mark_as_failure(task_id, ValueError("no such order"), TRACEBACK, protocol_2(task_id))
    html = page(reader, task_id)
    own = html[html.index('<span class="djtaskq-own">') :]
    assert "shop/tasks.py" in own[:80]
    others = html[html.index('<span class="djtaskq-others">') :]
    assert "celery/app/trace.py" in others[:120]


def test_every_text_is_escaped(reader, database):
    TaskResult.objects.create(
        **dict.fromkeys(
            ("task_id", "task_name", "task_args", "task_kwargs", "worker", "periodic_task_name"), SCRIPT
        ),
        status=SCRIPT,
        traceback=f'  File "{SCRIPT}", line 3, in {SCRIPT}\n    {SCRIPT}\n{SCRIPT}',
        result=json.dumps({"exc_type": SCRIPT, "exc_message": [SCRIPT]}),
        meta=json.dumps(
            {"children": [[[SCRIPT, [[SCRIPT, None], None]], None], [["g", None], []]], "x": SCRIPT}
        ),
        content_type="application/json",
        content_encoding=SCRIPT,
    )
    TaskDetail.objects.create(
        **dict.fromkeys(
            ("task_id", "queue", "routing_key", "group_id", "parent_id", "args", "kwargs"), SCRIPT
        ),
        retries=1,
        created_at=timezone.now(),
    )
    Rerun.objects.create(original_id=SCRIPT, task_id="x", username=SCRIPT, sent_at=timezone.now())
    for status in (SCRIPT, "FAILURE", "SUCCESS"):
        TaskResult.objects.update(status=status)
        listed = reader.get(reverse("admin:django_celery_results_taskresult_changelist")).content.decode()
        for html in (listed, page(reader, SCRIPT)):
            assert "&lt;script&gt;alert" in html
            assert "<script>alert" not in html


def test_a_large_value_is_cut_and_whole_on_demand(reader, backend, task_id, monkeypatch):
    monkeypatch.setattr(queries, "SHOWN", 100)
    backend.mark_as_done(task_id, "é" * 1_000, protocol_2(task_id))
    html = page(reader, task_id)
    assert "These are the first 100 characters." in html
    url = reverse("admin:djtaskq_results_whole", args=[key(task_id), "result"])
    assert url in html
    whole = reader.get(url)
    assert whole.streaming
    assert whole["Content-Type"] == "text/plain; charset=utf-8"
    assert whole["X-Content-Type-Options"] == "nosniff"
    assert b"".join(whole.streaming_content).decode() == TaskResult.objects.get().result


def test_a_whole_text_comes_in_pieces(reader, backend, task_id, monkeypatch):
    monkeypatch.setattr("djtaskq_results.admin.page.PIECE", 7)
    backend.mark_as_done(task_id, "abc é 🎉 " * 5, protocol_2(task_id))
    response = reader.get(reverse("admin:djtaskq_results_whole", args=[key(task_id), "result"]))
    pieces = list(response.streaming_content)
    assert len(pieces) > 5
    assert b"".join(pieces).decode() == TaskResult.objects.get().result


def test_a_whole_text_is_for_those_who_may_see_results(reader, client, backend, task_id):
    backend.mark_as_done(task_id, 1, protocol_2(task_id))
    url = reverse("admin:djtaskq_results_whole", args=[key(task_id), "result"])
    assert (
        reader.get(reverse("admin:djtaskq_results_whole", args=[key(task_id), "task_id"])).status_code == 404
    )
    assert reader.get(reverse("admin:djtaskq_results_whole", args=[999_999, "result"])).status_code == 404
    assert reader.post(url).status_code == 405
    User.objects.get().user_permissions.clear()
    assert client.get(url).status_code == 403
    client.logout()
    assert client.get(url).status_code == 302


def test_the_page_reads_no_large_text_whole(reader, backend, database, task_id):
    backend.mark_as_done(task_id, "large", protocol_2(task_id))
    with CaptureQueriesContext(connections[database]) as captured:
        page(reader, task_id)
    asked = [entry["sql"] for entry in captured if "django_celery_results_taskresult" in entry["sql"]]
    assert len(captured) <= MOST_STATEMENTS, [entry["sql"] for entry in captured]
    quoted = connections[database].ops.quote_name
    column = f"{quoted('django_celery_results_taskresult')}.{quoted('traceback')}"
    assert not any(f" {column}," in sql or f" {column} " in sql for sql in asked)


def test_the_timeline_has_what_every_app_knows(reader, backend, task_id):
    schedule = IntervalSchedule.objects.create(every=1, period="hours")
    task = PeriodicTask.objects.create(name="every minute", task="proj.tasks.add", interval=schedule)
    now = timezone.now()
    run = TaskRun.objects.create(
        periodic_task=task,
        name=task.name,
        slot=now,
        claimed_at=now,
        published_at=now,
        task_id=uuid.UUID(task_id),
    )
    TaskState.objects.create(task_id=task_id, tstamp=now, state="SUCCESS", sent=now, received=now)
    backend.mark_as_done(task_id, 1, protocol_2(task_id))
    html = page(reader, task_id)
    timeline = html[html.index('id="djtaskq-timeline"') :].split("</table>")[0]
    assert [
        word for word in ("due", "published", "sent", "received", "succeeded") if f">{word}<" in timeline
    ] == [*("due", "published", "sent", "received", "succeeded")]
    assert reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]) in html
    assert reverse("admin:djtaskq_beat_taskrun_change", args=[run.pk]) in html


def test_a_schedule_is_named_where_nobody_knows_its_row(reader, backend, task_id):
    backend.mark_as_done(task_id, 1, protocol_2(task_id, periodic_task_name="gone by now"))
    assert "gone by now" in page(reader, task_id)


def test_what_a_task_called_is_a_tree_with_states(reader, app, backend):
    body = app.AsyncResult("the-body", parent=app.GroupResult("the-header", [app.AsyncResult("part")]))
    request = protocol_2("caller", _children=[body])
    backend.mark_as_done("caller", 1, request)
    backend.mark_as_failure("part", ValueError("x"), "", protocol_2("part", task="proj.part"))
    html = page(reader, "caller")
    tree = html[html.index('class="djtaskq-tree"') :]
    assert (
        tree.index("proj.tasks.add")
        < tree.index("Group of 1")
        < tree.index("proj.part")
        < tree.index("the-body")
    )
    assert "FAILURE" in tree
    assert reverse(DETAIL, args=[key("part")]) in tree


def test_details_tell_the_root_and_the_members(reader, backend):
    for name in ("root", "first", "second"):
        backend.mark_as_done(name, 1, protocol_2(name, task=f"proj.{name}"))
    made = {"root_id": "root", "created_at": timezone.now()}
    TaskDetail.objects.create(task_id="root", **made)
    TaskDetail.objects.create(task_id="first", parent_id="root", group_id="a-group", **made)
    TaskDetail.objects.create(task_id="second", parent_id="root", group_id="a-group", **made)
    html = page(reader, "second")
    tree = html[html.index('class="djtaskq-tree"') :]
    assert (
        tree.index("proj.root")
        < tree.index("Group of 2")
        < tree.index("proj.first")
        < tree.index("proj.second")
    )
    assert "a-group" in html[: html.index("<fieldset")]


def test_a_group_of_ten_thousand_takes_no_longer(reader, app, database, backend):
    members = [app.AsyncResult(str(number)) for number in range(10_000)]
    backend.mark_as_done("0", 1)
    backend.mark_as_done("caller", 1, protocol_2("caller", _children=[app.GroupResult("large", members)]))
    app.GroupResult("large", members).save(backend=backend)
    with CaptureQueriesContext(connections[database]) as captured:
        html = page(reader, "caller")
    assert len(captured) <= MOST_STATEMENTS
    assert "and 9950 more" in html
    assert "(the first 1000)" in html
    group = reader.get(
        reverse("admin:django_celery_results_groupresult_change", args=[GroupResult.objects.get().pk])
    )
    assert "Group of 10000" in group.content.decode()


def test_the_page_leads_to_what_it_was_run_again_as(reader, backend):
    for name in ("first", "second"):
        backend.mark_as_done(name, 1, protocol_2(name))
    Rerun.objects.create(original_id="first", task_id="second", username="ann", sent_at=timezone.now())
    assert "Run again as" in page(reader, "first")
    assert "q=second" in page(reader, "first")
    assert "q=first" in page(reader, "second")


def test_an_unknown_key_is_no_error(reader):
    for wrong in ("999999", "x", "1 OR 1"):
        assert reader.get(reverse(DETAIL, args=[wrong])).status_code == 302


def test_a_naive_clock_is_no_error(reader, backend, settings, task_id):
    settings.USE_TZ = False
    backend.mark_as_done(task_id, 1, protocol_2(task_id))
    TaskResult.objects.update(date_started=dt.datetime(2026, 11, 21, 12))  # noqa: DTZ001
    assert "succeeded" in page(reader, task_id)
