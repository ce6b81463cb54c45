"""What the form says while one types, and that saving says the same."""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from djtaskq_beat.admin import consumers

VALIDATE = "admin:djtaskq_beat_validate"
CONSUMERS = "admin:djtaskq_beat_consumers"
ADD = "admin:django_celery_beat_periodictask_add"


@pytest.fixture
def database(db):
    """PostgreSQL alone: nothing here is another on another database."""
    return "default"


@pytest.fixture
def app(app, monkeypatch):
    """The app of these tests, with tasks of each shape, as the admin's own."""

    @app.task(name="proj.plain", shared=False)
    def plain(first, second=2, *, key=None):
        pass

    @app.task(name="proj.bound", bind=True, shared=False)
    def bound(self, first):
        pass

    @app.task(name="proj.retried", bind=True, autoretry_for=(OSError,), shared=False)
    def retried(self, first):
        pass

    @app.task(name="proj.untyped", typing=False, shared=False)
    def untyped(first):
        pass

    @app.task(name="proj.anything", shared=False)
    def anything(*args, **kwargs):
        pass

    app.finalize()
    app.conf.task_routes = {"proj.bound": {"queue": "elsewhere"}}
    monkeypatch.setattr(type(admin.site._registry[PeriodicTask]), "celery_app", app)
    return app


@pytest.fixture
def root(database):
    return get_user_model().objects.create_superuser("root", "root@example.org", "secret")


@pytest.fixture
def browser(root, client):
    client.force_login(root)
    return client


@pytest.fixture
def form(database):
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    inline = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0, "MAX_NUM_FORMS": 1}
    return {
        "name": "typed",
        "task": "proj.plain",
        "enabled": "on",
        "interval": interval.pk,
        "args": "[1]",
        "kwargs": "{}",
        "headers": "{}",
        **{
            f"{prefix}-{name}": value
            for name, value in inline.items()
            for prefix in ("run_policy", "declared_task")
        },
    }


def typed(browser, form, **fields):
    response = browser.post(reverse(VALIDATE), {**form, **fields})
    assert response.status_code == 200
    return response.json()


def said(answer, field, level):
    return " ".join(
        message["text"] for message in answer["fields"].get(field, ()) if message["level"] == level
    )


def test_what_is_right_says_nothing_but_the_next_runs(app, browser, form):
    answer = typed(browser, form)
    assert answer["fields"] == {}
    assert len(answer["next"]) == 3


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"args": "[]"}, "args", "missing a required argument: 'first'"),
        ({"args": "[1, 2, 3]"}, "args", "too many positional arguments"),
        ({"kwargs": '{"unknown": 1}'}, "kwargs", "unexpected keyword argument 'unknown'"),
        ({"task": "proj.bound", "args": "[]"}, "args", "missing a required argument: 'first'"),
        ({"task": "proj.retried", "args": "[1, 2]"}, "args", "too many positional arguments"),
    ],
)
def test_arguments_that_a_task_cannot_take_are_refused(fields, field, text, app, browser, form):
    assert text in said(typed(browser, form, **fields), field, "error")
    response = browser.post(reverse(ADD), {**form, **fields})
    assert text in " ".join(response.context["adminform"].form.errors[field])
    assert not PeriodicTask.objects.exists()


@pytest.mark.parametrize(
    ("task", "args", "kwargs"),
    [
        ("proj.plain", "[1, 2]", '{"key": 3}'),
        ("proj.plain", "[]", '{"first": 1}'),
        ("proj.bound", "[1]", "{}"),
        ("proj.retried", "[1]", "{}"),
        ("proj.anything", "[1, 2, 3]", '{"a": 1}'),
    ],
)
def test_arguments_that_it_can_take_are_not(task, args, kwargs, app, browser, form):
    assert typed(browser, form, task=task, args=args, kwargs=kwargs)["fields"] == {}


def test_a_broken_call_can_be_disabled_and_an_untyped_one_is_a_warning(app, browser, form):
    assert "missing" in said(typed(browser, form, args="[]", enabled=""), "args", "warning")
    assert "missing" in said(typed(browser, form, task="proj.untyped", args="[]"), "args", "warning")
    response = browser.post(reverse(ADD), {**form, "args": "[]", "enabled": ""}, follow=True)
    assert "missing a required argument" in response.content.decode()
    assert PeriodicTask.objects.exists()


def test_a_task_that_nobody_registered_is_a_warning(app, browser, form):
    answer = typed(browser, form, task="proj.nowhere", args='["anything"]')
    assert "No task named “proj.nowhere”" in said(answer, "task", "warning")
    assert "args" not in answer["fields"]


def test_a_name_that_is_too_long_or_missing_is_an_error_like_any_other(app, browser, form):
    assert said(typed(browser, form, task="x" * 300), "task", "error")
    assert said(typed(browser, form, task=""), "task", "error")


def test_json_says_where_it_breaks(app, browser, form):
    assert "line 2, column 1" in said(typed(browser, form, kwargs='{"a": 1,\n}'), "kwargs", "error")


def test_a_schedule_that_never_fires_is_told_beside_other_errors(app, browser, form):
    never = CrontabSchedule.objects.create(day_of_month="30", month_of_year="2", timezone="UTC")
    answer = typed(browser, form, interval="", crontab=never.pk, args="[")
    assert "never run" in said(answer, "crontab", "error")
    assert said(answer, "args", "error")
    assert answer["next"] == []


def test_the_next_runs_are_those_of_the_schedule_as_typed(app, browser, form):
    crontab = CrontabSchedule.objects.create(minute="30", hour="4", timezone="UTC")
    shown = typed(browser, form, interval="", crontab=crontab.pk)["next"]
    assert [time[11:] for time in shown] == ["04:30:00 UTC"] * 3
    assert len(typed(browser, form, interval="", crontab=crontab.pk, one_off="on")["next"]) == 1


def test_nothing_is_saved(app, browser, form, make_task):
    task = make_task("saved")
    answer = typed(browser, form, djtaskq_task=task.pk, name="renamed")
    assert answer["fields"] == {}
    assert PeriodicTask.objects.get().name == "saved"


def test_who_may_neither_add_nor_change_is_told_nothing(app, client, form, make_task):
    task = make_task()
    user = get_user_model().objects.create_user("ann", password="secret", is_staff=True)
    client.force_login(user)
    for may, pk, status in (
        ("view_periodictask", "", 403),
        ("view_periodictask", task.pk, 403),
        ("add_periodictask", "", 200),
        ("add_periodictask", task.pk, 403),
        ("change_periodictask", task.pk, 200),
        ("change_periodictask", task.pk + 1, 403),
        ("change_periodictask", "none", 403),
    ):
        user.user_permissions.set(Permission.objects.filter(codename=may))
        asked = client.post(reverse(VALIDATE), {**form, "djtaskq_task": pk})
        assert asked.status_code == status, (may, pk)
    assert client.post(reverse(CONSUMERS), form).status_code == 403


def test_it_is_asked_by_a_post_with_a_token(app, root, form):
    client = Client(enforce_csrf_checks=True)
    client.force_login(root)
    for view in (VALIDATE, CONSUMERS):
        assert client.post(reverse(view), form).status_code == 403
        assert client.get(reverse(view)).status_code == 405


@pytest.fixture
def answers(monkeypatch):
    """Have workers answer with these queues; returns how often they were asked."""
    cache.clear()
    asked = []

    def tell(*queues):
        monkeypatch.setattr(consumers, "consumed_queues", lambda _app: asked.append(1) or list(queues))
        return asked

    yield tell
    cache.clear()


def test_a_queue_that_nobody_consumes_is_a_warning(app, browser, form, answers):
    asked = answers("fast", "beat-tests")

    def warning(**fields):
        return browser.post(reverse(CONSUMERS), {**form, **fields}).json()["warning"]

    assert "No worker consumes the queue “slow”" in warning(queue="slow")
    assert warning(queue="fast") == ""
    assert warning(queue="") == ""
    assert len(asked) == 1
    saved = browser.post(reverse(ADD), {**form, "queue": "slow"}, follow=True).content.decode()
    assert "No worker consumes the queue “slow”" in saved
    assert "“elsewhere”" in warning(queue="", task="proj.bound")


def test_that_no_worker_answers_is_a_warning(app, browser, form, answers):
    answers()
    assert "No worker answers" in browser.post(reverse(CONSUMERS), form).json()["warning"]


def test_a_broker_that_is_away_is_told_at_once_and_asked_again(app, browser, form):
    cache.clear()
    app.conf.broker_url = "amqp://127.0.0.1:1//"
    for _ in range(2):
        assert "cannot be reached" in browser.post(reverse(CONSUMERS), form).json()["warning"]
