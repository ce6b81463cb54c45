"""The lists: what they find, in what order, and that they say what is wrong."""

import datetime as dt

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from djtaskq_beat import lately
from djtaskq_beat.models import Alert, Beat, NextRun, TaskRun
from tests.contract.beat.conftest import settle

LIST = "admin:django_celery_beat_periodictask_changelist"
RUNS = "admin:djtaskq_beat_taskrun_changelist"
ALERTS = "admin:djtaskq_beat_alert_changelist"
BEATS = "admin:djtaskq_beat_beat_changelist"
NEXT_RUN = 3


@pytest.fixture
def browser(database, client):
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "secret"))
    return client


@pytest.fixture
def ran(database):
    """Return a function that records a run."""

    def record(task, *, ago=60, **columns):
        at = timezone.now() - dt.timedelta(seconds=ago)
        columns = {"state": "published", "slot": at, "claimed_at": at, **columns}
        return TaskRun.objects.create(periodic_task=task, name=task.name, **columns)

    return record


def found(client, view=LIST, **query):
    """The names on a list, in order."""
    response = client.get(reverse(view), query)
    assert response.status_code == 200
    return [getattr(row, "name", str(row)) for row in response.context["cl"].result_list]


def test_the_filters_find_theirs(browser, make_task, dispatcher, minutely):
    make_task("interval", task="proj.one", queue="slow")
    make_task("crontab", crontab=minutely, one_off=True)
    make_task("disabled", enabled=False)
    settle(dispatcher)
    NextRun.objects.filter(periodic_task__name="interval").update(error="no")
    assert found(browser) == ["crontab", "disabled", "interval"]
    assert found(browser, kind="crontab") == ["crontab"]
    assert found(browser, enabled__exact=0) == ["disabled"]
    assert found(browser, one_off__exact=1) == ["crontab"]
    assert found(browser, condition="aside") == ["interval"]
    assert found(browser, task="proj.one") == ["interval"]
    assert found(browser, queue="slow") == ["interval"]
    assert found(browser, crontab__id__exact=minutely.pk) == ["crontab"]
    assert found(browser, q="INTER") == ["interval"]


def test_sorted_by_the_next_run_those_without_one_are_left_out(browser, make_task, dispatcher):
    make_task("later", every=7200)
    make_task("sooner", every=60)
    make_task("never", enabled=False)
    settle(dispatcher)
    response = browser.get(reverse(LIST), {"o": NEXT_RUN})
    assert [task.name for task in response.context["cl"].result_list] == ["sooner", "later"]
    assert "periodic tasks that have none are not listed" in response.content.decode()
    assert found(browser, o=-NEXT_RUN) == ["later", "sooner"]
    assert "not listed" not in browser.get(reverse(LIST)).content.decode()


def test_what_went_wrong_lately_is_found_among_the_newest_runs(browser, make_task, ran, monkeypatch):
    failed, missed, old, fine = (make_task(name) for name in ("failed", "missed", "old", "fine"))
    ran(old, outcome="FAILURE", ago=90_000)
    ran(failed, outcome="FAILURE")
    ran(missed, state="missed")
    ran(fine, outcome="SUCCESS")
    assert found(browser, lately="failed") == ["failed"]
    assert found(browser, lately="missed") == ["missed"]
    monkeypatch.setattr(lately.latest, "__defaults__", (1,))
    assert found(browser, lately="failed") == []


def test_the_list_shows_the_last_run_and_its_lateness(browser, make_task, ran):
    task = make_task()
    ran(task, ago=600, outcome="FAILURE")
    run = ran(task, ago=300, outcome="SUCCESS")
    TaskRun.objects.filter(pk=run.pk).update(published_at=run.slot + dt.timedelta(seconds=90))
    page = browser.get(reverse(LIST)).content.decode()
    assert "SUCCESS" in page
    assert "FAILURE" not in page.split("result_list")[1].split("</table>")[0]
    assert "1\N{NO-BREAK SPACE}min\N{NO-BREAK SPACE}30\N{NO-BREAK SPACE}s" in page


def test_runs_are_found_by_how_they_ended_and_show_their_alerts(browser, make_task, ran, database):
    task = make_task()
    ran(task, ago=1, outcome="SUCCESS")
    run = ran(task, ago=2, outcome="FAILURE", trigger="manual")
    Alert.objects.create(kind="failed", run=run, text="It failed.", raised_at=timezone.now())
    for query in ({"outcome": "FAILURE"}, {"trigger": "manual"}):
        listed = browser.get(reverse(RUNS), query)
        assert [row.pk for row in listed.context["cl"].result_list] == [run.pk]
    assert "djtaskq-state--warning" in listed.content.decode()
    page = browser.get(reverse("admin:djtaskq_beat_taskrun_change", args=[run.pk])).content.decode()
    assert "It failed." in page
    assert reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]) in page
    with CaptureQueriesContext(connections[database]) as two:
        browser.get(reverse(RUNS))
    for number in range(20):
        ran(task, ago=100 + number, outcome="FAILURE")
    with CaptureQueriesContext(connections[database]) as many:
        browser.get(reverse(RUNS))
    assert len(many) == len(two)


def test_of_one_schedule_all_runs_are_looked_through(browser, make_task, ran, monkeypatch):
    task = make_task()
    ran(task, ago=2, outcome="FAILURE")
    ran(task, ago=1, outcome="SUCCESS")
    monkeypatch.setattr(lately.latest, "__defaults__", (1,))
    assert len(found(browser, RUNS, outcome="FAILURE")) == 0
    assert len(found(browser, RUNS, outcome="FAILURE", periodic_task__exact=task.pk)) == 1


def test_a_run_outlives_its_schedule(browser, make_task, ran):
    task = make_task("gone")
    run = ran(task)
    task.delete()
    page = browser.get(reverse("admin:djtaskq_beat_taskrun_change", args=[run.pk])).content.decode()
    assert "(deleted)" in page
    assert "gone" in browser.get(reverse(RUNS)).content.decode()


def test_a_beat_is_alive_silent_or_stopped(browser, clock):
    at = clock()
    hour = dt.timedelta(hours=1)
    for name, seen_at, stopped_at in (("a", at, None), ("b", at - hour, None), ("c", at, at)):
        Beat.objects.create(
            name=name, hostname="h", pid=1, started_at=at - 2 * hour, seen_at=seen_at, stopped_at=stopped_at
        )
    Beat.objects.filter(name="b").update(problem="The broker cannot be reached.")
    rows = browser.get(reverse(BEATS)).content.decode().split("<tr>")
    for name, status in (("a", "alive"), ("b", "silent"), ("c", "stopped")):
        (row,) = [row for row in rows if f">{name}<br>" in row]
        assert status in row
        page = browser.get(reverse("admin:djtaskq_beat_beat_change", args=[name])).content.decode()
        assert status in page
    assert "The broker cannot be reached." in browser.get(reverse(BEATS)).content.decode()


def test_alerts_are_listed_the_latest_first(browser, make_task, ran):
    task = make_task()
    for number, kind in enumerate(("failed", "late"), start=1):
        Alert.objects.create(kind=kind, run=ran(task, ago=number), text=f"{kind}!", raised_at=timezone.now())
    assert found(browser, ALERTS) == ["late!", "failed!"]
    assert found(browser, ALERTS, kind="late") == ["late!"]


@pytest.mark.parametrize(
    ("view", "told"),
    [
        (LIST, "No periodic task here"),
        (RUNS, "No schedule has run yet"),
        (BEATS, "No beat has reported itself"),
        (ALERTS, "No alert here"),
    ],
)
def test_an_empty_list_says_what_to_do(view, told, browser):
    assert told in browser.get(reverse(view)).content.decode()


def test_nothing_of_the_history_can_be_changed_by_hand(browser, make_task, ran):
    run = ran(make_task())
    alert = Alert.objects.create(kind="late", run=run, text="late", raised_at=timezone.now())
    for model, pk in (("taskrun", run.pk), ("alert", alert.pk)):
        assert browser.get(reverse(f"admin:djtaskq_beat_{model}_add")).status_code == 403
        assert (
            browser.post(
                reverse(f"admin:djtaskq_beat_{model}_delete", args=[pk]), {"post": "yes"}
            ).status_code
            == 403
        )
        assert browser.post(reverse(f"admin:djtaskq_beat_{model}_change", args=[pk]), {}).status_code == 403
