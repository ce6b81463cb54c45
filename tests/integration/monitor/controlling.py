"""One worker for each broker, for all tests of a module."""

import os
import uuid

import pytest
from celery import Celery, _state

from tests.plugin import FLEET
from tests.processes import Processes

APP = "tests.integration.monitor.controlapp"
NAME = "w1@control"


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def control_broker(request, servers):
    """A broker of this module's own: its URL."""
    server = servers.use(request.param)
    if request.param == "redis":
        server.command("FLUSHDB", database=15)
        yield server.at(15)
        return
    vhost = f"control-{uuid.uuid4().hex}"
    yield server.add_vhost(vhost)
    server.remove_vhost(vhost)


@pytest.fixture(scope="module")
def processes_of_all(pytestconfig, tmp_path_factory):
    started = Processes(tmp_path_factory.mktemp("control"), pytestconfig.stash[FLEET].keeper)
    yield started
    started.close()


@pytest.fixture(scope="module")
def start_worker(control_broker, processes_of_all):
    """Start a worker of this name: `start("w2@control", "--autoscale=3,1")`."""
    environment = {
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "DJTASKQ_TEST_BROKER_URL": control_broker,
    }

    def worker(name, *options):
        return processes_of_all.worker(APP, f"--hostname={name}", *options, environment=environment)

    return worker


@pytest.fixture(scope="module")
def control_worker(start_worker):
    return start_worker(NAME)


@pytest.fixture(scope="module")
def control_app(control_broker, control_worker):
    client = Celery("pages", broker=control_broker, set_as_current=False)
    client.conf.task_default_queue = "controlled"
    yield client
    client.close()


@pytest.fixture
def pages_of_control(control_app):
    """Pages give commands through this app, in whatever thread they are made."""
    default, current = _state.default_app, getattr(_state._tls, "current_app", None)
    control_app.set_default()
    control_app.set_current()
    yield control_app
    _state.set_default_app(default)
    _state._tls.current_app = current
