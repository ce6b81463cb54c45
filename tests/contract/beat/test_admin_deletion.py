"""Deleting many periodic tasks and schedules in the admin."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connections
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from djtaskq_beat.models import NextRun
from tests.contract.beat.conftest import captured

TASKS = "admin:django_celery_beat_periodictask_changelist"
CRONTABS = "admin:django_celery_beat_crontabschedule_changelist"


@pytest.fixture
def browser(database, client):
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "secret"))
    return client


def test_more_than_a_form_may_have_fields_are_deleted_and_the_page_that_asks_is_light(
    browser, many, database, monkeypatch
):
    monkeypatch.setattr(admin.site, "enable_nav_sidebar", False)  # every installed app's models stand there
    many(1_200)
    asked = browser.post(
        reverse(TASKS),
        {"action": "delete_selected", "select_across": "1", "index": "0", "_selected_action": "1"},
    )
    page = asked.content.decode()
    assert len(page) < 20_000
    assert page.count('type="hidden"') < 10
    assert "1,180 more periodic tasks" in page
    assert "Periodic tasks: 1200" in page.replace("1,200", "1200").replace("&nbsp;", "")
    late = PeriodicTask.objects.create(name="made meanwhile", task="t", crontab=CrontabSchedule.objects.get())
    browser.post(
        reverse(TASKS),
        {
            "action": "delete_selected",
            "select_across": "1",
            "djtaskq_up_to": str(asked.context["up_to"]),
            "_selected_action": "1",
            "post": "yes",
        },
    )
    assert PeriodicTask.objects.get() == late
    assert LogEntry.objects.count() == 1_200
    assert LogEntry.objects.order_by("pk").first().object_repr == "task 00000"


def test_chosen_rows_are_deleted_and_no_others(browser, many):
    first, second, _ = many(3)
    form = {"action": "delete_selected", "_selected_action": [first.pk, second.pk]}
    asked = browser.post(reverse(TASKS), {**form, "index": "0"})
    assert asked.content.decode().count('name="_selected_action"') == 2
    browser.post(reverse(TASKS), {**form, "post": "yes"})
    assert [task.name for task in PeriodicTask.objects.all()] == ["task 00002"]


def test_the_statements_of_the_list_do_not_grow_with_the_rows(browser, many, database):
    form = {"action": "delete_selected", "select_across": "1", "_selected_action": "1"}
    many(5)
    ask_few = captured(database, lambda: browser.post(reverse(TASKS), {**form, "index": "0"}))
    few = captured(database, lambda: browser.post(reverse(TASKS), {**form, "post": "yes"}))
    many(200)
    assert captured(database, lambda: browser.post(reverse(TASKS), {**form, "index": "0"})) <= ask_few + 2
    assert captured(database, lambda: browser.post(reverse(TASKS), {**form, "post": "yes"})) <= few + 2
    assert not PeriodicTask.objects.exists()


@pytest.mark.parametrize("alone", [True, False], ids=["its own page", "the list"])
def test_a_schedules_deletion_says_how_many_tasks_go_with_it(alone, browser, many, minutely):
    many(60)
    if alone:
        url, form = reverse("admin:django_celery_beat_crontabschedule_delete", args=[minutely.pk]), {}
    else:
        url, form = reverse(CRONTABS), {"action": "delete_selected", "_selected_action": minutely.pk}
    page = (browser.get(url) if alone else browser.post(url, {**form, "index": "0"})).content.decode()
    assert "Periodic tasks: 60" in page
    assert "40 more periodic tasks" in page
    browser.post(url, {**form, "post": "yes"})
    assert not CrontabSchedule.objects.exists()
    assert PeriodicTask.objects.count() == NextRun.objects.count() == 0


def test_who_may_delete_schedules_but_no_tasks_deletes_neither(client, many, minutely):
    many(1)
    user = get_user_model().objects.create_user("clerk", password="x", is_staff=True)
    codenames = ["delete_crontabschedule", "view_crontabschedule"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    url = reverse("admin:django_celery_beat_crontabschedule_delete", args=[minutely.pk])
    assert "permission" in client.get(url).content.decode()
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert CrontabSchedule.objects.exists()


def test_a_task_whose_time_zone_is_none_can_be_deleted(browser, many, minutely, database):
    many(1)
    with connections[database].cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Nowhere/Land'")
    form = {"action": "delete_selected", "select_across": "1", "_selected_action": "1", "post": "yes"}
    model_admin = admin.site._registry[PeriodicTask]
    assert model_admin.delete_selected_confirmation_template == "djtaskq_beat/delete_selected.html"
    browser.post(reverse(TASKS), form)
    assert not PeriodicTask.objects.exists()
