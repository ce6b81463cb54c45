"""Waiting in real processes: in each of Celery's pools, and while PostgreSQL goes away."""

import json
import subprocess
import sys
import uuid

import pytest
from celery import group

from tests.integration.results import resultsapp as tasks
from tests.processes import ROOT
from tests.router import routed_to
from tests.servers.databases import create_database

PROGRAM = ROOT / "tests" / "integration" / "results" / "waitingprogram.py"
SECONDS = 30


@pytest.fixture
def postgresql(transactional_db):
    with routed_to("default"):
        yield


@pytest.fixture(scope="module")
def libraries(pytestconfig):
    """Return a function that gives the environment in which a library is there; ours needs none of them."""

    def environment(name):
        folder = pytestconfig.cache.mkdir(name)
        if not (folder / name).exists():
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
            subprocess.run([*pip, "install", "--target", folder, name], check=True)
        return {"PYTHONPATH": f"{ROOT}:{folder}"}

    return environment


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["threads", "gevent", "eventlet"])
def test_many_wait_at_once_over_one_connection(kind, postgresql, processes, libraries):
    environment = {} if kind == "threads" else libraries(kind)
    program = processes.start(sys.executable, "-W", "ignore", PROGRAM, kind, environment=environment)
    assert program.wait(60) == 0, program.output
    found = json.loads(program.output.splitlines()[-1])
    assert (found["got"], found["listeners"]) == (20, 1)
    assert found["median"] < 0.1
    assert found["ticks"] > 20, "while they waited, nobody else ran"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pool", ["threads", "gevent"])
def test_a_group_from_a_worker_of_that_pool_is_waited_for(pool, postgresql, processes, redis_url, libraries):
    tasks.app.conf.broker_url = redis_url
    tasks.app._pool = None
    vars(tasks.app).pop("amqp", None)
    environment = {} if pool == "threads" else libraries(pool)
    processes.worker(
        "tests.integration.results.resultsapp",
        f"--pool={pool}",
        "--concurrency=10",
        environment={"DJTASKQ_TEST_BROKER_URL": redis_url, **environment},
    )
    sent = group(tasks.add.s(number, 1) for number in range(50))()
    assert sent.get(timeout=SECONDS) == list(range(1, 51))


WAIT = """
import django
django.setup()
from celery import Celery
app = Celery("waiting", broker="memory://", backend="djtaskq_results.backends:DatabaseBackend")
print(app.backend.wait_for("late", timeout=90, on_interval=lambda: print("goes on"))["result"])
"""
STORE = """
import django
django.setup()
from celery import Celery
app = Celery("storing", broker="memory://", backend="djtaskq_results.backends:DatabaseBackend")
app.backend.mark_as_done("late", "the result")
"""


def test_who_waits_waits_through_an_outage(postgresql_server, processes):
    name = f"outage_{uuid.uuid4().hex[:8]}"
    url = create_database(postgresql_server, name)
    environment = {
        "DJTASKQ_TEST_POSTGRESQL": url,
        "DJTASKQ_TEST_DATABASE": "default",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    migrating = processes.python("-m", "django", "migrate", environment=environment)
    assert migrating.wait(60) == 0, migrating.output
    waiting = processes.python("-c", WAIT, environment=environment)
    waiting.wait_for("goes on")
    postgresql_server.stop()
    seen = waiting.output.count("goes on")
    waiting.wait_for(lambda: waiting.output.count("goes on") > seen + 3)
    postgresql_server.start()
    storing = processes.python("-c", STORE, environment=environment)
    assert storing.wait() == 0, storing.output
    assert waiting.wait(15) == 0, waiting.output
    assert waiting.output.splitlines()[-1] == "the result"
