"""The page of one periodic task: what it shows, what its buttons do, and who may press them."""

import datetime as dt
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from djtaskq_beat.models import Alert, Beat, NextRun, RunPolicy, TaskRun
from tests.contract.beat.conftest import settle

LIST = "admin:django_celery_beat_periodictask_changelist"
CHANGE = "admin:django_celery_beat_periodictask_change"
TIMETABLE = "admin:djtaskq_beat_nextrun_changelist"
BUTTONS = ("run_now", "pause", "resume", "duplicate")
HOUR = dt.timedelta(hours=1)


def user_with(*permissions):
    user = get_user_model().objects.create_user("ann", password="secret", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def root(database):
    return get_user_model().objects.create_superuser("root", "root@example.org", "secret")


@pytest.fixture
def browser(root, client):
    client.force_login(root)
    return client


def page_of(client, task):
    response = client.get(reverse(CHANGE, args=[task.pk]))
    assert response.status_code == 200
    return response.content.decode()


def press(client, button, task, **fields):
    return client.post(reverse(f"admin:djtaskq_beat_{button}", args=[task.pk]), fields)


def told(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def in_an_hour():
    return f"{timezone.localtime() + HOUR:%Y-%m-%dT%H:%M}"


def test_run_now_sends_one_run_outside_of_the_slots(browser, make_task, monkeypatch, app, sent):
    from django.contrib import admin

    monkeypatch.setattr(type(admin.site._registry[PeriodicTask]), "celery_app", app)
    task = make_task(args="[1, 2]", enabled=False)
    response = press(browser, "run_now", task)
    assert response.url == reverse(CHANGE, args=[task.pk])
    (message,) = sent()
    assert message["args"] == [1, 2]
    assert TaskRun.objects.get().trigger == "manual"
    assert LogEntry.objects.get().get_change_message() == "Run by hand."


def test_a_pause_skips_the_slots_until_it_ends_and_can_be_ended(browser, make_task, make_due, dispatcher):
    task = make_task()
    settle(dispatcher)
    assert "Paused until" in told(press(browser, "pause", task, until=in_an_hour()))
    settle(dispatcher)
    make_due(pk=task.pk)
    settle(dispatcher)
    assert not TaskRun.objects.exists()
    shown = page_of(browser, task)
    assert "the slots until then are skipped" in shown
    assert "paused" in browser.get(reverse(LIST), {"condition": "paused"}).content.decode()
    press(browser, "resume", task)
    settle(dispatcher)
    assert RunPolicy.objects.get().paused_until is None
    assert "the slots until then are skipped" not in page_of(browser, task)
    assert [entry.get_change_message()[:6] for entry in LogEntry.objects.order_by("pk")] == [
        "Paused",
        "Resume",
    ]


def test_the_next_runs_of_a_paused_task_are_those_after_the_pause(browser, make_task, dispatcher):
    task = make_task()
    settle(dispatcher)
    until = timezone.now() + dt.timedelta(days=2)
    RunPolicy.objects.create(periodic_task=task, paused_until=until)
    settle(dispatcher)
    shown = browser.get(reverse(CHANGE, args=[task.pk])).context["coming_runs"]
    assert all(until <= run.slot < until + dt.timedelta(minutes=6) for run in shown)
    assert len(shown) == 5


@pytest.mark.parametrize("until", ["", "soon", "2020-01-01T00:00", "9999-12-31T23:59"])
def test_a_pause_that_is_none_is_refused_in_words(until, browser, make_task):
    task = make_task()
    response = press(browser, "pause", task, until=until)
    assert response.status_code == 302
    assert told(response)
    assert RunPolicy.objects.exists() is (until.startswith("9999"))
    page_of(browser, task)


def test_a_duplicate_is_a_disabled_copy_with_the_policy(browser, make_task):
    task = make_task("x" * 200, args="[1]", queue="slow", priority=3, total_run_count=7)
    RunPolicy.objects.create(periodic_task=task, jitter=9, paused_until=timezone.now() + HOUR)
    first = press(browser, "duplicate", task)
    press(browser, "duplicate", task)
    copy, second = PeriodicTask.objects.exclude(pk=task.pk).order_by("pk")
    assert first.url == reverse(CHANGE, args=[copy.pk])
    assert copy.name == "x" * 193 + " (copy)"
    assert second.name.endswith(" (copy 2)")
    assert (copy.enabled, copy.args, copy.queue, copy.priority) == (False, "[1]", "slow", 3)
    assert (copy.total_run_count, copy.interval) == (0, task.interval)
    assert (copy.run_policy.jitter, copy.run_policy.paused_until) == (9, None)
    assert RunPolicy.objects.get(pk=task.pk).paused_until is not None


def test_who_may_only_look_sees_everything_and_can_do_nothing(client, make_task, dispatcher):
    task = make_task()
    settle(dispatcher)
    RunPolicy.objects.create(periodic_task=task, paused_until=timezone.now() + HOUR)
    client.force_login(user_with("view_periodictask", "view_runpolicy"))
    shown = page_of(client, task)
    assert "Next runs" in shown
    assert "djtaskq-run-now" not in shown
    assert 'id="djtaskq-validation"' not in shown
    for button in BUTTONS:
        assert press(client, button, task, until=in_an_hour()).status_code == 403, button
    assert (PeriodicTask.objects.count(), TaskRun.objects.count()) == (1, 0)
    assert not LogEntry.objects.exists()


def test_a_button_is_a_post_with_a_token_on_a_task_that_is_there(root, make_task):
    task = make_task()
    strict, loose = Client(enforce_csrf_checks=True), Client()
    strict.force_login(root)
    loose.force_login(root)
    for button in BUTTONS:
        assert press(strict, button, task, until=in_an_hour()).status_code == 403, button
        assert loose.get(reverse(f"admin:djtaskq_beat_{button}", args=[task.pk])).status_code == 405, button
        for missing in (task.pk + 1, "none"):
            url = reverse(f"admin:djtaskq_beat_{button}", args=[missing])
            assert loose.post(url, {"until": in_an_hour()}).status_code == 404, button
    assert (PeriodicTask.objects.count(), RunPolicy.objects.count(), TaskRun.objects.count()) == (1, 0, 0)


def test_who_is_not_logged_in_is_asked_to(client, make_task):
    response = press(client, "run_now", make_task())
    assert response.url.startswith(reverse("admin:login"))


def test_who_may_add_but_not_change_can_duplicate_alone(client, make_task):
    task = make_task()
    client.force_login(user_with("view_periodictask", "add_periodictask"))
    assert press(client, "duplicate", task).status_code == 302
    assert press(client, "run_now", task).status_code == 403


def test_times_are_shown_in_both_zones_where_they_differ(browser, make_task, dispatcher):
    crontab = CrontabSchedule.objects.create(minute="30", hour="2", timezone="America/New_York")
    task = make_task(crontab=crontab)
    settle(dispatcher)
    (first, *_) = browser.get(reverse(CHANGE, args=[task.pk])).context["coming_runs"]
    assert " 02:30:00 E" in first.there
    assert "At 02:30 AM, America/New_York" in page_of(browser, task)


def test_numbers_that_machines_read_have_no_separators(browser, make_task, make_due, dispatcher, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    task = make_task(pk=1234567, every=1)
    settle(dispatcher)
    make_due(1)
    settle(dispatcher)
    page = page_of(browser, task)
    assert f"periodic_task__exact={task.pk}" in page
    assert f'data-task="{task.pk}"' in page
    assert not re.search(r'="[^"]*\d,\d{3}', page + browser.get(reverse(TIMETABLE)).content.decode())


def test_jitter_is_told(browser, make_task, dispatcher):
    task = make_task()
    RunPolicy.objects.create(periodic_task=task, jitter=1000)
    settle(dispatcher)
    assert "after its slot: the jitter of its policy" in page_of(browser, task)


def test_overdue_is_told_on_every_page(browser, make_task, make_due, dispatcher):
    task = make_task()
    settle(dispatcher)
    make_due(1000)
    assert "If this stays, no beat is running" in page_of(browser, task)
    assert "overdue" in browser.get(reverse(LIST), {"condition": "overdue"}).content.decode()
    assert "1 schedule should have run" in browser.get(reverse(TIMETABLE)).content.decode()


def test_what_came_from_outside_is_escaped_everywhere(browser, make_task, make_due, dispatcher):
    hostile = '"><script>alert(1)</script>'
    task = make_task(hostile, task=hostile, queue=hostile)
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    run = TaskRun.objects.get()
    TaskRun.objects.update(reason=hostile, outcome=hostile, name=hostile)
    Alert.objects.create(kind="failed", run=run, text=hostile, raised_at=timezone.now())
    Beat.objects.create(
        name=hostile, hostname="h", pid=1, problem=hostile, started_at=run.slot, seen_at=run.slot
    )
    NextRun.objects.update(error=hostile)
    minute = f"{NextRun.objects.get().slot:%Y-%m-%dT%H:%MZ}"
    for url in (
        reverse(CHANGE, args=[task.pk]),
        reverse(LIST),
        f"{reverse(LIST)}?queue=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        reverse(TIMETABLE) + f"?at={minute}",
        reverse("admin:djtaskq_beat_taskrun_changelist"),
        reverse("admin:djtaskq_beat_taskrun_change", args=[run.pk]),
        reverse("admin:djtaskq_beat_alert_changelist"),
        reverse("admin:djtaskq_beat_alert_change", args=[Alert.objects.get().pk]),
        reverse("admin:djtaskq_beat_beat_changelist"),
    ):
        shown = browser.get(url)
        assert shown.status_code == 200, url
        assert "<script>alert" not in shown.content.decode(), url
        assert "&lt;script&gt;alert" in shown.content.decode(), url


def test_a_page_has_neither_inline_script_nor_inline_style(browser, make_task, make_due, dispatcher):
    task = make_task()
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    for url in (
        reverse(CHANGE, args=[task.pk]),
        reverse(TIMETABLE),
        reverse("admin:djtaskq_beat_taskrun_changelist"),
    ):
        shown = browser.get(url).content.decode()
        assert " style=" not in shown, url
        assert " onclick=" not in shown, url
        assert "<script>" not in shown, url


def test_a_pages_statements_do_not_grow_with_its_history(browser, make_task, make_due, dispatcher, database):
    task = make_task(every=1)
    settle(dispatcher)
    make_due(1)
    settle(dispatcher)
    page_of(browser, task)
    with CaptureQueriesContext(connections[database]) as one:
        page_of(browser, task)
    record = TaskRun.objects.get()
    TaskRun.objects.bulk_create(
        TaskRun(
            periodic_task=task,
            name=task.name,
            slot=record.slot - number * HOUR,
            state="published",
            claimed_at=record.slot,
        )
        for number in range(1, 100)
    )
    with CaptureQueriesContext(connections[database]) as hundred:
        response = browser.get(reverse(CHANGE, args=[task.pk]))
    assert len(hundred) == len(one) <= 14
    assert (len(response.context["strip"].bars), len(response.context["past_runs"])) == (30, 10)


def test_a_row_that_no_model_can_hold_breaks_neither_list_nor_page(browser, make_task, dispatcher, database):
    good, bad = make_task("good"), make_task("bad", crontab=CrontabSchedule.objects.create(timezone="UTC"))
    with connections[database].cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Base', minute = 'x'")
    NextRun.objects.mark_changed()
    settle(dispatcher)
    listed = browser.get(reverse(LIST)).content.decode()
    assert good.name in listed
    assert "set aside" in listed
    assert "Mars/Base" in listed
    assert "set aside" in browser.get(reverse(LIST), {"condition": "aside"}).content.decode()
    assert "Mars/Base" in page_of(browser, bad)
