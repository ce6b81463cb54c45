import threading
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from djtaskq_results import watchdog
from tests.waiting import eventually


class Backend:
    """Counts the looks, the first of which find the database away."""

    def __init__(self, failures=0):
        self.failures = failures
        self.looks = 0

    def finish_due_chords(self):
        self.looks += 1
        if self.looks <= self.failures:
            raise OperationalError("server closed the connection unexpectedly")


class Worker:
    """As much of one as its signals carry; processes that are killed show that they are heard."""

    def __init__(self):
        self.app = SimpleNamespace(backend=Backend())


@pytest.fixture
def worker(settings):
    settings.DJTASKQ = {"RESULTS_CHORD_SWEEP_SECONDS": 0.1}
    yield Worker()
    watchdog.end()
    eventually(lambda: not watchdogs())


def watchdogs():
    return [thread for thread in threading.enumerate() if isinstance(thread, watchdog.Watchdog)]


def test_it_goes_on_looking_when_the_database_is_away(worker):
    worker.app.backend.failures = 2
    watchdog.begin(worker)
    eventually(lambda: worker.app.backend.looks > 3)


def test_a_worker_that_is_ready_again_has_one_still_and_one_that_shuts_down_none(worker):
    for _ in range(3):
        watchdog.begin(worker)
    assert len(watchdogs()) == 1
    watchdog.end()
    eventually(lambda: not watchdogs())


@pytest.mark.parametrize("reason", ["it is turned off", "the results are not ours"])
def test_there_is_none_where(worker, settings, reason):
    if reason == "it is turned off":
        settings.DJTASKQ = {"RESULTS_CHORD_SWEEP_SECONDS": None}
    else:
        worker.app.backend = object()
    watchdog.begin(worker)
    assert not watchdogs()
