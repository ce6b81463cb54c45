"""The page of the next 24 hours: every run in its minute, at a cost that has a bound."""

import datetime as dt
from collections import Counter

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from djtaskq_beat import day as module
from djtaskq_beat.day import day
from djtaskq_beat.models import NextRun, RunPolicy
from djtaskq_beat.occurrences.window import MINUTE
from tests.contract.beat.conftest import settle

PAGE = "admin:djtaskq_beat_nextrun_changelist"


@pytest.fixture
def root(database, client):
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "secret"))
    return client


@pytest.fixture
def look(database):
    """Return a function that works out the day as the page does."""

    def work_out(asked=None):
        now = timezone.now()
        return day(database, now, now.replace(minute=0, second=0, microsecond=0), asked)

    return work_out


def test_each_schedule_counts_in_its_minutes(make_task, dispatcher, look):
    make_task("a", every=1800)
    make_task("b", every=10)
    make_task("c", crontab=CrontabSchedule.objects.create(minute="0", hour="3", timezone="UTC"))
    settle(dispatcher)
    found = look()
    # The last run may lie beyond the 24 hours by the fraction of a period that has begun.
    assert 48 + 8640 + 1 - 8 <= sum(found.counts.values()) <= 48 + 8640 + 1
    three = next(number for number in range(found.minutes) if f"{found.minute(number):%H:%M}" == "03:00")
    assert found.counts[three] - found.counts[three + 1] in (1, 0, 2)
    assert (found.scheduled, found.left_out, found.complete_until) == (3, 0, None)


def test_schedules_that_share_their_slots_are_expanded_once(make_task, dispatcher, look, database):
    crontab = CrontabSchedule.objects.create(minute="*/10", timezone="UTC")
    make_task("first", crontab=crontab)
    settle(dispatcher)
    one = look()
    for number in range(30):
        make_task(f"task {number}", crontab=crontab)
    settle(dispatcher)
    with CaptureQueriesContext(connections[database]) as captured:
        many = look()
    assert len(captured) == 4
    assert many.counts == Counter({minute: 31 * count for minute, count in one.counts.items()})


def test_what_ends_or_waits_counts_until_or_from_then(make_task, dispatcher, look):
    start = timezone.now() + dt.timedelta(hours=5)
    make_task("starts", every=3600, start_time=start)
    make_task("expires", every=3600, expires=timezone.now() + dt.timedelta(hours=3, minutes=30))
    make_task("once", every=3600, one_off=True)
    paused = make_task("paused", every=3600)
    settle(dispatcher)
    RunPolicy.objects.create(
        periodic_task=paused, paused_until=timezone.now() + dt.timedelta(hours=20, minutes=30)
    )
    make_task("disabled", every=3600, enabled=False)
    settle(dispatcher)
    assert sum(look().counts.values()) == 19 + 3 + 1 + 3 or sum(look().counts.values()) == 19 + 3 + 1 + 4


def test_the_minute_that_is_asked_for_names_its_schedules(root, make_task, dispatcher, look):
    crontab = CrontabSchedule.objects.create(minute="0", hour="3", timezone="UTC")
    nightly = make_task("nightly", crontab=crontab)
    make_task("hourly", crontab=CrontabSchedule.objects.create(minute="7", timezone="UTC"))
    settle(dispatcher)
    slot = NextRun.objects.get(pk=nightly.pk).slot
    assert look(slot).due == [(nightly.pk, "nightly")]
    page = root.get(reverse(PAGE), {"at": f"{slot:%Y-%m-%dT%H:%MZ}"}).content.decode()
    assert reverse("admin:django_celery_beat_periodictask_change", args=[nightly.pk]) in page
    assert ">nightly<" in page
    assert ">hourly<" not in page


@pytest.mark.parametrize("at", ["", "soon", "2020-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00+14:00"])
def test_a_minute_that_is_none_of_the_days_is_passed_over(at, root, make_task, dispatcher):
    make_task()
    settle(dispatcher)
    response = root.get(reverse(PAGE), {"at": at})
    assert response.status_code == 200
    assert response.context["at"] is None


def test_beyond_the_bounds_it_says_what_is_left_out(root, make_task, dispatcher, look, monkeypatch):
    for number in range(6):
        make_task(f"task {number}", every=3600 + number)
    settle(dispatcher)
    monkeypatch.setattr(module, "MOST_GROUPS", 2)
    assert look().left_out == 4
    assert "4 more schedules are not in these counts" in root.get(reverse(PAGE)).content.decode()
    monkeypatch.setattr(module, "MOST_GROUPS", 10)
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    assert look().complete_until == NextRun.objects.order_by("run_at")[3].run_at
    assert "there are too many" in root.get(reverse(PAGE)).content.decode()
    monkeypatch.setattr(module, "SECONDS", -1)
    assert look().counts == Counter()


def test_an_empty_day_says_what_to_do(root):
    page = root.get(reverse(PAGE)).content.decode()
    assert "Nothing is due over the next 24 hours" in page
    assert "celery -A proj beat -S djtaskq" in page


def test_it_is_for_those_who_may_see_the_periodic_tasks(client, make_task, dispatcher, database):
    make_task()
    settle(dispatcher)
    user = get_user_model().objects.create_user("ann", password="secret", is_staff=True)
    client.force_login(user)
    assert client.get(reverse(PAGE)).status_code == 403
    user.user_permissions.set(Permission.objects.filter(codename="view_periodictask"))
    assert client.get(reverse(PAGE)).status_code == 200
    assert reverse(PAGE) in client.get(reverse("admin:index")).content.decode()
    client.logout()
    assert client.get(reverse(PAGE)).status_code == 302


def test_the_list_leads_to_it_and_a_row_that_is_gone_does_no_harm(root, make_task, dispatcher, database):
    make_task("gone")
    settle(dispatcher)
    assert (
        reverse(PAGE)
        in root.get(reverse("admin:django_celery_beat_periodictask_changelist")).content.decode()
    )
    with connections[database].cursor() as cursor:
        cursor.execute(f"DELETE FROM {PeriodicTask._meta.db_table}")
    assert root.get(reverse(PAGE)).status_code == 200


def test_the_cells_are_the_counts(root, make_task, dispatcher):
    make_task(every=60)
    settle(dispatcher)
    response = root.get(reverse(PAGE))
    cells = [cell for hour in response.context["hours"] for cell in hour.cells]
    assert sum(cell.count for cell in cells) == sum(hour.total for hour in response.context["hours"])
    assert 1439 <= len(cells) <= 1440
    assert response.context["day"].minutes * MINUTE <= dt.timedelta(hours=25)
