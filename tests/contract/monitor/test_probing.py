"""Metrics and health are for staff, for who has the token, for networks that are named: for nobody else."""

import pytest
from celery import Celery
from django.contrib.auth.models import Permission, User
from django.core import checks
from django.db import OperationalError, connections
from django.urls import include, path
from django.utils import timezone

from djtaskq import vitals
from djtaskq.vitals import Level, Vital
from djtaskq_monitor import health
from djtaskq_monitor.models import CameraState, WorkerState
from tests.contract.monitor.test_statistics import write
from tests.monitoring import NOW, heartbeat

TOKEN = "a-token-of-some-length"
URLS = ("metrics", "healthcheck", "healthcheck/ready", "healthcheck/live")
urlpatterns = [path("celery/", include("djtaskq_monitor.urls"))]


@pytest.fixture(autouse=True)
def app(settings, monkeypatch):
    """The project's, whose broker answers."""
    settings.ROOT_URLCONF = __name__
    app = Celery("probing", set_as_current=False, broker="memory://")
    monkeypatch.setattr(health, "current_app", app)
    return app


def answers(client, **headers):
    return [client.get(f"/celery/{url}", **headers).status_code for url in URLS]


@pytest.fixture
def well(monkeypatch):
    """Whatever is asked, all is well."""
    monkeypatch.setattr(health, "whole", lambda: health.Health(well=True, told={}))


def test_nobody_else_may_ask(database, client, well, settings):
    assert answers(client) == [403] * 4
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert answers(client) == [403] * 4
    viewer = User.objects.create_user("customer")
    viewer.user_permissions.add(Permission.objects.get(codename="view_workerstate"))
    client.force_login(viewer)
    assert answers(client) == [403] * 4
    settings.DJTASKQ = {"MONITOR_PROBE_TOKEN": ""}
    for wrong in ("Bearer ", "Bearer", "Basic x", "Bearer None"):
        assert answers(client, HTTP_AUTHORIZATION=wrong) == [403] * 4
    settings.DJTASKQ = {"MONITOR_PROBE_TOKEN": TOKEN}
    for wrong in (TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ä"):
        assert answers(client, HTTP_AUTHORIZATION=wrong) == [403] * 4
    assert answers(client, HTTP_X_FORWARDED_FOR="127.0.0.1") == [403] * 4
    assert client.post("/celery/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}").status_code == 405


def test_staff_the_token_and_networks_may(database, client, well, settings):
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_workerstate"))
    client.force_login(user)
    assert answers(client) == [200] * 4
    client.logout()
    settings.DJTASKQ = {"MONITOR_PROBE_TOKEN": TOKEN, "MONITOR_PROBE_NETWORKS": ["10.1.0.0/16", "fd00::/8"]}
    assert answers(client, HTTP_AUTHORIZATION=f"Bearer {TOKEN}") == [200] * 4
    assert answers(client, HTTP_AUTHORIZATION=f"bearer  {TOKEN}") == [200] * 4
    for address in ("10.1.255.1", "::ffff:10.1.0.1", "fd12::1"):
        assert answers(client, REMOTE_ADDR=address) == [200] * 4
    for address in ("10.2.0.1", "::ffff:10.2.0.1", "fe80::1", "", "unix:", "127.0.0.1"):
        assert answers(client, REMOTE_ADDR=address) == [403] * 4


def test_settings_that_cannot_be_meant_are_told_and_open_nothing(database, client, settings):
    settings.DJTASKQ = {"MONITOR_PROBE_TOKEN": "short", "MONITOR_PROBE_NETWORKS": ["10.0.0.1/8", "all"]}
    found = [message.id for message in checks.run_checks() if message.id.startswith("djtaskq_monitor.E")]
    assert found == ["djtaskq_monitor.E001", "djtaskq_monitor.E001", "djtaskq_monitor.E002"]
    assert answers(client, REMOTE_ADDR="10.0.0.1") == [403] * 4


@pytest.fixture
def ask(client, settings):
    """Return a function that asks with the token: the status and the answer."""
    settings.DJTASKQ = {"MONITOR_PROBE_TOKEN": TOKEN}

    def get(url):
        response = client.get(f"/celery/{url}", HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
        return response.status_code, response.json()

    return get


def test_ready_is_a_database_and_a_broker_that_answer(database, ask, app):
    status, told = ask("healthcheck/ready")
    assert (status, told["well"], told["database"]["answers"], told["broker"]["answers"]) == (
        200,
        *[True] * 3,
    )
    app.conf.broker_url = "redis://127.0.0.1:1/0"
    status, told = ask("healthcheck/ready")
    assert (status, told["well"], told["broker"]) == (503, False, {"answers": False, "problem": "BrokerAway"})
    assert ask("healthcheck/live") == (200, {"well": True})


def test_live_asks_nobody(database, ask, django_assert_num_queries):
    with django_assert_num_queries(0, using=database):
        assert ask("healthcheck/live") == (200, {"well": True})


def test_a_database_that_is_away_is_said(database, ask, client, monkeypatch):
    def away(*_args, **_options):
        raise OperationalError("gone")

    monkeypatch.setattr(connections[database], "ensure_connection", away)
    monkeypatch.setattr(connections[database], "cursor", away)
    for url in ("healthcheck", "healthcheck/ready"):
        status, told = ask(url)
        assert (status, told["database"]) == (503, {"answers": False, "problem": "OperationalError"})
    assert ask("healthcheck/live")[0] == 200
    assert client.get("/celery/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}").status_code == 503


@pytest.fixture
def camera(database):
    now = timezone.now()
    return CameraState.objects.create(host="h", pid=1, queue="q", freq=1, started=now, last_write=now)


def test_the_whole_tells_of_cameras_and_workers(database, ask, camera):
    now = timezone.now().timestamp()
    write([heartbeat(now - NOW)], database)
    WorkerState.objects.update(last_heartbeat=timezone.now())
    status, told = ask("healthcheck")
    assert (status, told["workers"], told["camera"]["running"]) == (200, {"online": 1}, 1)
    assert told["camera"]["last_write_age"] < 10
    assert told["vitals"]["cameras"]["age"] < 10
    camera.delete()
    assert ask("healthcheck")[0] == 503


def test_the_whole_is_as_well_as_its_worst_part(database, ask, camera, monkeypatch):
    level = Level.WARNING
    monkeypatch.setattr(
        vitals, "_readers", {"test": (0, lambda: [Vital(name="beats", label="", level=level, said="So so.")])}
    )
    status, told = ask("healthcheck")
    assert (status, told["vitals"]["beats"]["level"]) == (200, "warning")
    level = Level.BAD
    status, told = ask("healthcheck")
    assert (status, told["well"], told["camera"]["running"]) == (503, False, 1)
