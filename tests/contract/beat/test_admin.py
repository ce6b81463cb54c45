"""The periodic task's admin, under django-celery-beat's own URLs."""

import datetime as dt

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.messages import get_messages
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from djtaskq import outcomes
from djtaskq_beat.models import NextRun, RunPolicy, TaskRun
from tests.contract.beat.conftest import settle

LIST = "admin:django_celery_beat_periodictask_changelist"
ADD = "admin:django_celery_beat_periodictask_add"
CHANGE = "admin:django_celery_beat_periodictask_change"


@pytest.fixture
def browser(database, client):
    user = get_user_model().objects.create_superuser("root", "root@example.org", "secret")
    client.force_login(user)
    return client


@pytest.fixture
def celery_app(app, monkeypatch):
    monkeypatch.setattr(type(admin.site._registry[PeriodicTask]), "celery_app", app)
    return app


@pytest.fixture
def form(database):
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    inline = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0, "MAX_NUM_FORMS": 1}
    return {
        "name": "hourly",
        "task": "tests.add",
        "enabled": "on",
        "interval": interval.pk,
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
        **{f"run_policy-{name}": value for name, value in inline.items()},
    }


def errors_of(response):
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def told(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def test_a_schedule_made_here_is_planned_at_the_next_step(browser, form, dispatcher):
    response = browser.post(reverse(ADD), form)
    assert response.status_code == 302
    settle(dispatcher)
    page = browser.get(reverse(CHANGE, args=[PeriodicTask.objects.get().pk])).content.decode()
    assert "Next runs" in page
    assert "in 59 seconds" in page or "in 58 seconds" in page


def test_the_policy_is_edited_on_the_same_page(browser, form):
    form |= {
        "run_policy-TOTAL_FORMS": 1,
        "run_policy-0-catch_up": "all",
        "run_policy-0-catch_up_limit": 7,
        "run_policy-0-overlap": "skip",
        "run_policy-0-overlap_limit": 60,
        "run_policy-0-jitter": 5,
    }
    browser.post(reverse(ADD), form)
    policy = RunPolicy.objects.get()
    assert (policy.periodic_task.name, policy.catch_up, policy.catch_up_limit) == ("hourly", "all", 7)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("args", "[1,\n 2", "at line 2, column 3"),
        ("args", '{"a": 1}', "a list"),
        ("kwargs", "[1]", "an object"),
        ("headers", "{,}", "at line 1, column 2"),
        ("kwargs", "[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_none_is_refused_with_the_place(field, value, said, browser, form):
    errors = errors_of(browser.post(reverse(ADD), {**form, field: value}))
    assert list(errors) == [field]
    assert said in errors[field][0]


def test_a_task_that_nobody_registered_is_a_warning(browser, form):
    response = browser.post(reverse(ADD), {**form, "task": "tests.nowhere"})
    assert response.status_code == 302
    assert "No task named “tests.nowhere”" in told(response)


def test_a_schedule_that_never_fires_is_refused(browser, form):
    february = CrontabSchedule.objects.create(day_of_month="31", month_of_year="2", timezone="UTC")
    errors = errors_of(browser.post(reverse(ADD), {**form, "interval": "", "crontab": february.pk}))
    assert "would never run" in errors["crontab"][0]
    past = {"expires_0": "2020-01-01", "expires_1": "00:00:00"}
    assert "would never run" in errors_of(browser.post(reverse(ADD), {**form, **past}))["interval"][0]


def test_no_schedule_and_two_schedules_are_refused(browser, form):
    crontab = CrontabSchedule.objects.create(timezone="UTC")
    assert errors_of(browser.post(reverse(ADD), {**form, "interval": ""}))
    assert "crontab" in errors_of(browser.post(reverse(ADD), {**form, "crontab": crontab.pk}))


def test_why_a_row_is_set_aside_stands_on_its_page(browser, make_task, dispatcher):
    task = make_task()
    IntervalSchedule.objects.update(every=0)
    NextRun.objects.mark_changed()
    settle(dispatcher)
    page = browser.get(reverse(CHANGE, args=[task.pk])).content.decode()
    assert "Beat has set this schedule aside" in page
    assert "shorter than 0.01 seconds" in page


def test_the_last_runs_show_their_outcome_and_link_to_it(
    browser, make_task, make_due, dispatcher, monkeypatch
):
    task = make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    task_id = str(TaskRun.objects.get().task_id)
    found = outcomes.Outcome(
        state="FAILURE", runtime=1.5, error="<b>", links=(outcomes.Link(label="Result", url="/r/1"),)
    )
    monkeypatch.setattr(outcomes, "_readers", {})
    outcomes.register("test", lambda ids: {task_id: found} if task_id in ids else {})
    page = browser.get(reverse(CHANGE, args=[task.pk])).content.decode()
    assert "FAILURE" in page
    assert "1.50\N{NO-BREAK SPACE}s" in page
    assert "&lt;b&gt;" in page
    assert '<a href="/r/1">Result</a>' in page
    listed = browser.get(reverse(LIST)).content.decode()
    assert "FAILURE" in listed
    runs = browser.get(reverse("admin:djtaskq_beat_taskrun_changelist"), {"periodic_task__exact": task.pk})
    assert "FAILURE" in runs.content.decode()
    run = browser.get(reverse("admin:djtaskq_beat_taskrun_change", args=[TaskRun.objects.get().pk]))
    assert task_id in run.content.decode()


def test_the_forms_cost_does_not_grow_with_the_schedules(browser, database):
    size = len(browser.get(reverse(ADD)).content)
    CrontabSchedule.objects.bulk_create(
        CrontabSchedule(minute=number % 60, timezone="UTC") for number in range(500)
    )
    with CaptureQueriesContext(connections[database]) as few:
        page = browser.get(reverse(ADD)).content
    assert abs(len(page) - size) < 100
    assert len(few) < 10
    found = browser.get(
        reverse("admin:autocomplete"),
        {
            "app_label": "django_celery_beat",
            "model_name": "periodictask",
            "field_name": "crontab",
            "term": "37",
        },
    ).json()
    assert found["results"]


def test_the_list_is_as_many_statements_for_fifty_rows_as_for_one(
    browser, make_task, make_due, dispatcher, database
):
    make_task("first")
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    browser.get(reverse(LIST))
    with CaptureQueriesContext(connections[database]) as one:
        browser.get(reverse(LIST))
    for number in range(30):
        make_task(f"task {number}")
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    with CaptureQueriesContext(connections[database]) as many:
        browser.get(reverse(LIST))
    assert len(many) == len(one)


def act(browser, action, *tasks):
    return browser.post(
        reverse(LIST), {"action": action, "_selected_action": [task.pk for task in tasks]}, follow=False
    )


def test_run_now_keeps_everything_that_the_row_says(browser, celery_app, make_task, sent, app):
    task = make_task(args="[1]", headers='{"x": "y"}', priority=3, expire_seconds=100, enabled=False)
    response = act(browser, "run_tasks", task)
    (message,) = sent()
    assert "1 task was sent" in told(response)
    assert (message["args"], message["x"], message["priority"]["priority"]) == ([1], "y", 3)
    assert message["expires"]
    run = TaskRun.objects.get()
    assert (run.trigger, run.state, run.claimed_by) == ("manual", "published", "admin:root")
    assert message["id"] == str(run.task_id)


def test_run_now_says_which_row_cannot_be_sent(browser, celery_app, make_task, sent):
    response = act(browser, "run_tasks", make_task("bad", args="{"), make_task("good"))
    assert [message["periodic_task_name"] for message in sent()] == ["good"]
    assert "bad: The args are not" in told(response)


def test_the_actions_take_effect_at_the_next_step(browser, make_task, dispatcher):
    task = make_task()
    settle(dispatcher)
    act(browser, "disable_tasks", task)
    settle(dispatcher)
    assert NextRun.objects.get().run_at is None
    act(browser, "toggle_tasks", task)
    settle(dispatcher)
    assert NextRun.objects.get().run_at is not None
    act(browser, "disable_tasks", task)
    act(browser, "enable_tasks", task)
    settle(dispatcher)
    assert NextRun.objects.get().slot > dt.datetime.now(dt.UTC)


def test_a_wrong_scheduler_is_said_on_the_list(browser, settings):
    settings.CELERY_BEAT_SCHEDULER = "djtaskq"
    assert "not run by djtaskq" not in told(browser.get(reverse(LIST)))
    for wrong in (
        "django_celery_beat.schedulers:DatabaseScheduler",
        "djtaskq_beat.schedulers:DatabaseSheduler",
    ):
        settings.CELERY_BEAT_SCHEDULER = wrong
        assert "not run by djtaskq" in browser.get(reverse(LIST)).content.decode()


def test_a_task_can_be_deleted(browser, make_task, dispatcher):
    task = make_task()
    settle(dispatcher)
    browser.post(reverse("admin:django_celery_beat_periodictask_delete", args=[task.pk]), {"post": "yes"})
    assert not PeriodicTask.objects.exists()
    assert not NextRun.objects.exists()
