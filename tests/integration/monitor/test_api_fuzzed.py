"""The described API by its own document: requests that nobody thought of, against a server that runs."""

import datetime as dt
import os
import re
import subprocess
import sys

import pytest
from celery import Celery, current_app
from django.contrib.auth.models import User
from django.core.cache import cache
from django.urls import include, path
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun
from djtaskq_monitor.api import tokens
from djtaskq_monitor.models import QueueState, WorkerState
from djtaskq_monitor.recording import given
from tests.contract.monitor.test_statistics import fold_all, write
from tests.monitoring import retried, success, timed_out
from tests.processes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
urlpatterns = [path("celery/", include("djtaskq_monitor.urls"))]
CONFIGURATION = ROOT / "tests" / "integration" / "monitor" / "schemathesis.toml"
# Of each operation; DJTASKQ_FUZZ=1000 is a long run, with every phase there is.
EXAMPLES = os.environ.get("DJTASKQ_FUZZ", "")
SHORT = ("--phases", "fuzzing", "--max-examples", "6")
LEAST = 50
LONG = 3_000


@pytest.fixture
def served(transactional_db, live_server, settings):
    """A server with a few rows of everything and no workers: its document's URL, and a control token."""
    settings.ROOT_URLCONF = __name__
    settings.DJTASKQ = {"MONITOR_CONTROL_SECONDS": 0.1, "MONITOR_API_RATE": 10**9}
    before = current_app._get_current_object()
    app = Celery("fuzzed", broker="memory://")
    app.set_default()
    app.set_current()
    cache.clear()
    write([*success("a"), *retried("b"), *timed_out("c")], "default")
    fold_all("default")
    WorkerState.objects.merge([given.worker_change("one@h", timezone.now())])
    QueueState.objects.create(name="celery", length=1, consumers=0)
    every = IntervalSchedule.objects.create(every=1, period="hours")
    for name in "xy":
        row = PeriodicTask.objects.create(name=name, task="proj.tasks.add", interval=every)
        at = timezone.now() + dt.timedelta(hours=1)
        NextRun.objects.filter(pk=row.pk).update(run_at=at, slot=at, changed_at=None)
    text, _row = tokens.issue(User.objects.create_superuser("root"), "fuzz", "control")
    yield f"{live_server.url}/celery/api/v1/openapi.json", text
    cache.clear()
    app.close()
    before.set_default()
    before.set_current()


@pytest.mark.timeout(LONG)
def test_nothing_breaks_and_no_promise_is_broken(served, tmp_path):
    url, text = served
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(CONFIGURATION), "run", url),
            *(("--max-examples", EXAMPLES) if EXAMPLES else SHORT),
            *("--continue-on-failure", "--no-color", "--header", f"Authorization: Bearer {text}"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=LONG,
    )
    told = done.stdout[-20_000:] + done.stderr[-2_000:]
    assert done.returncode == 0, told
    found = re.search(r"Test cases:\s+(\d+) generated, (\d+) passed", told)
    assert found is not None, told
    assert found[1] == found[2]
    assert int(found[1]) > LEAST
    if EXAMPLES:
        print(told)  # noqa: T201  its figures are what a long run is for
