"""The HTTP API on a real worker: every endpoint that asks it, tells it, or gives it something to do."""

import os
from http import HTTPStatus

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings
from django.urls import include, path
from django.utils import timezone

from djtaskq_monitor.api import tokens
from djtaskq_monitor.models import WorkerState
from djtaskq_monitor.recording import given
from tests.plugin import FLEET
from tests.processes import Processes
from tests.waiting import eventually

APP = "tests.integration.monitor.apiapp"
NAME = "a1@api"
DATABASE = 13
urlpatterns = [path("api/", include("djtaskq_monitor.api.urls"))]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@pytest.fixture(scope="module")
def broker(servers):
    server = servers.use("redis")
    server.command("FLUSHDB", database=DATABASE)
    return server.at(DATABASE)


@pytest.fixture(scope="module")
def processes_of_all(pytestconfig, tmp_path_factory):
    started = Processes(tmp_path_factory.mktemp("api"), pytestconfig.stash[FLEET].keeper)
    yield started
    started.close()


@pytest.fixture(scope="module")
def start(broker, processes_of_all):
    environment = {
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "DJTASKQ_TEST_BROKER_URL": broker,
    }

    def worker(name, *options):
        return processes_of_all.worker(APP, f"--hostname={name}", *options, environment=environment)

    return worker


@pytest.fixture(scope="module")
def app(broker, start):
    """The app as the web process has it: with the tasks' code, on the same broker."""
    start(NAME)
    before = current_app._get_current_object()
    from tests.integration.monitor.apiapp import app

    app.conf.update(broker_url=broker, result_backend=broker)
    app.set_current()
    yield app
    app.close()
    before.set_current()


@pytest.fixture
def ask(app):
    user = User.objects.create_superuser("root")
    text, _row = tokens.issue(user, "test", "control")
    headers = {"authorization": f"Bearer {text}"}
    cache.clear()
    WorkerState.objects.merge([given.worker_change(NAME, timezone.now())])

    def ask(what, data=None, *, json=None):
        if json is not None:
            return Client().post(f"/api/{what}", json, content_type="application/json", headers=headers)
        if data is not None:
            return Client().post(f"/api/{what}", data, headers=headers)
        return Client().get(f"/api/{what}", headers=headers)

    with override_settings(DJTASKQ={"MONITOR_CONTROL_SECONDS": 10}):
        yield ask
    cache.clear()


def said(response, status=HTTPStatus.OK):
    assert response.status_code == status, response.content
    return response.json()


def test_what_workers_tell(ask):
    (one,) = said(ask("workers")).values()
    assert set(one) == {"stats", "active_queues", "registered", "conf", "timestamp"}
    assert [queue["name"] for queue in one["active_queues"]] == ["api"]
    # With what another test set of it behind its name.
    assert f"{APP}.add" in {name.split()[0] for name in one["registered"]}
    assert "not to be seen" not in str(one)
    (one,) = said(ask(f"workers?refresh=1&workername={NAME}")).values()
    assert {"active", "scheduled", "reserved", "revoked"} <= set(one)


def test_a_task_is_called_and_waited_for(ask):
    found = said(ask(f"task/apply/{APP}.add", json={"args": [2], "kwargs": {"y": 3}}))
    assert found == {"task-id": found["task-id"], "state": "SUCCESS", "result": 5}
    assert said(ask(f"task/result/{found['task-id']}")) == found
    found = said(ask(f"task/apply/{APP}.fail", json={"args": ["no"], "timeout": 20}))
    assert found["state"] == "FAILURE"
    assert found["result"] == "ValueError('no')"
    assert "raise ValueError" in found["traceback"]
    assert said(ask(f"task/apply/{APP}.add", json={"args": [1]}), HTTPStatus.BAD_REQUEST)["error"]


def test_a_task_is_sent_and_not_waited_for(ask):
    for what in ("async-apply", "send-task"):
        body = {"args": [1, 1], "expires": "2999-01-01 00:00:00.0", "countdown": 0}
        sent = said(ask(f"task/{what}/{APP}.add", json=body))
        assert set(sent) == {"task-id", "state"}
        done = said(ask(f"task/result/{sent['task-id']}?timeout=20"))
        assert (done["state"], done["result"]) == ("SUCCESS", 2)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_a_task_is_aborted(ask):
    sent = said(ask(f"task/async-apply/{APP}.until_aborted", json={}))["task-id"]
    assert said(ask(f"task/abort/{sent}", {})) == {"message": f"Aborted '{sent}'"}
    eventually(lambda: said(ask(f"task/result/{sent}"))["state"] == "SUCCESS")


def test_a_task_is_revoked(ask):
    sent = said(ask(f"task/async-apply/{APP}.add", json={"args": [1, 1], "countdown": 600}))["task-id"]
    assert said(ask(f"task/revoke/{sent}", {})) == {"message": f"Revoked '{sent}'"}
    eventually(lambda: sent in said(ask(f"workers?workername={NAME}"))[NAME]["revoked"])
    assert said(ask("task/revoke/nothing", {"terminate": "true", "signal": "SIGTERM"}))


def test_queues_and_limits(ask):
    queue = {"queue": "a&b"}
    assert said(ask(f"worker/queue/add-consumer/{NAME}", queue)) == {"message": "add consumer a&b"}
    (one,) = said(ask("workers")).values()
    assert {each["name"] for each in one["active_queues"]} == {"api", "a&b"}
    stopped = said(ask(f"worker/queue/cancel-consumer/{NAME}", queue))
    assert stopped == {"message": "no longer consuming from a&b"}
    name = f"{APP}.add"
    rate = said(ask(f"task/rate-limit/{name}", {"workername": NAME, "ratelimit": "100/m"}))
    assert rate == {"message": "new rate limit set successfully"}
    for limits in ({"soft": 30, "hard": 100}, {"hard": 50}):
        told = said(ask(f"task/timeout/{name}", {"workername": NAME, **limits}))
        assert told == {"message": "time limits set successfully"}
    for what, more in (("timeout", {"soft": 1}), ("rate-limit", {"ratelimit": "1/s"})):
        answer = said(ask(f"task/{what}/no.such", {"workername": NAME, **more}), HTTPStatus.NOT_FOUND)
        assert answer == {"error": "Unknown task 'no.such'"}


def test_the_pool(ask):
    assert said(ask(f"worker/pool/grow/{NAME}", {"n": 1})) == {
        "message": f"Growing '{NAME}' worker's pool by 1"
    }
    assert said(ask(f"worker/pool/shrink/{NAME}", {})) == {
        "message": f"Shrinking '{NAME}' worker's pool by 1"
    }
    answer = said(ask(f"worker/pool/autoscale/{NAME}", {"min": 1, "max": 2}), HTTPStatus.FORBIDDEN)
    assert "Autoscale not enabled" in answer["error"]
    restarted = said(ask(f"worker/pool/restart/{NAME}", {}))
    assert restarted == {"message": f"Restarting '{NAME}' worker's pool"}


def test_the_end(ask, start):
    worker = start("a2@api")
    WorkerState.objects.merge([given.worker_change("a2@api", timezone.now())])
    assert said(ask("worker/shutdown/a2@api", {})) == {"message": "Shutting down!"}
    assert worker.wait() == 0
