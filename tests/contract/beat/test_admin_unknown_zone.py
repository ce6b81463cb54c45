"""A crontab whose time zone is none takes no page down, and can be mended there."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

LIST = "admin:django_celery_beat_crontabschedule_changelist"
PAGE = "admin:django_celery_beat_crontabschedule_change"
DELETE = "admin:django_celery_beat_crontabschedule_delete"
TASK = "admin:django_celery_beat_periodictask_change"
FOUND = "admin:autocomplete"
FIELD = {"app_label": "django_celery_beat", "model_name": "periodictask", "field_name": "crontab"}


@pytest.fixture
def browser(database, client):
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "secret"))
    return client


@pytest.fixture
def unknown(minutely, database):
    """A crontab in a zone that this machine does not know; its key."""
    CrontabSchedule.objects.create(minute="7", timezone="Europe/Paris")
    with connections[database].cursor() as cursor:
        cursor.execute(
            "UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Olympus' WHERE id = %s",
            [minutely.pk],
        )
    return minutely.pk


def test_the_list_shows_it_among_the_others(browser, unknown):
    page = browser.get(reverse(LIST)).content.decode()
    assert "Mars/Olympus" in page
    assert "Europe/Paris" in page
    assert "Mars/Olympus" in browser.get(reverse(LIST), {"q": "Mars"}).content.decode()


def test_a_form_finds_it_among_the_others(browser, unknown):
    found = browser.get(reverse(FOUND), {"term": "", **FIELD}).json()["results"]
    assert {result["text"].split()[-1] for result in found} == {"Mars/Olympus", "Europe/Paris"}


def test_its_own_page_says_what_it_is_and_mends_it(browser, unknown):
    url = reverse(PAGE, args=[unknown])
    response = browser.get(url)
    assert response.status_code == 200
    assert "Mars/Olympus" in response.content.decode()
    fields = dict.fromkeys(("minute", "hour", "day_of_month", "month_of_year", "day_of_week"), "*")
    assert browser.post(url, {**fields, "timezone": "Mars/Olympus"}).status_code == 200
    assert browser.post(url, {**fields, "timezone": "Asia/Tokyo"}).status_code == 302
    assert str(CrontabSchedule.objects.get(pk=unknown).timezone) == "Asia/Tokyo"


def test_the_page_of_its_task_opens_and_takes_another_crontab(browser, unknown, make_task):
    task = make_task()
    PeriodicTask.objects.filter(pk=task.pk).update(interval=None, crontab_id=unknown)
    response = browser.get(reverse(TASK, args=[task.pk]))
    assert response.status_code == 200
    assert "Mars/Olympus" in response.content.decode()


@pytest.mark.parametrize("alone", [True, False], ids=["one", "chosen"])
def test_it_can_be_deleted(browser, unknown, alone):
    url = reverse(DELETE, args=[unknown]) if alone else reverse(LIST)
    form = {} if alone else {"action": "delete_selected", "_selected_action": unknown, "index": "0"}
    assert "Mars/Olympus" in browser.post(url, form).content.decode() if not alone else browser.get(url)
    assert browser.post(url, {**form, "post": "yes"}).status_code == 302
    assert not CrontabSchedule.objects.filter(pk=unknown).exists()
