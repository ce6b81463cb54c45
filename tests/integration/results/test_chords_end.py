"""Chords whose finisher is killed, at any moment: their bodies run all the same."""

import pytest
from celery import chord
from django_celery_results.models import ChordCounter

from djtaskq_results.models import Chord, ChordPart
from tests.integration.results import resultsapp as tasks
from tests.waiting import eventually


def no_chord_is_left():
    return not (ChordCounter.objects.exists() or Chord.objects.exists() or ChordPart.objects.exists())


@pytest.fixture
def start_worker(database, processes, redis_url, tmp_path):
    app = tasks.app
    app.conf.broker_url = redis_url
    # What was made for the broker of the test before.
    app._pool = None
    vars(app).pop("amqp", None)
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    environment = {
        "DJTASKQ_TEST_BROKER_URL": redis_url,
        "DJTASKQ_TEST_DEATHS": str(deaths),
    }

    def start():
        worker = processes.worker("tests.integration.results.mortalapp", environment=environment)
        worker.deaths = deaths
        return worker

    return start


PLACES = {
    "claim": "before it has claimed the chord",
    "parts": "before it sends the body",
    "end": "when it has sent the body",
}


def test_a_child_is_killed_as_it_finishes_a_chord(start_worker):
    worker = start_worker()
    for place, when in PLACES.items():
        (worker.deaths / place).touch()
        sent = chord([tasks.echo.s(n) for n in range(10)], tasks.total.s())()
        worker.wait_for(sent.ready)
        assert sent.get() == 45, when
        assert not (worker.deaths / place).exists(), when
        eventually(no_chord_is_left, message=when)


@pytest.mark.parametrize("database", ["default"], indirect=True, ids=["postgresql"])
def test_a_worker_is_killed_as_it_finishes_what_its_child_has_left(start_worker):
    worker = start_worker()
    for place in ("claim", "parts"):
        (worker.deaths / place).touch()
    sent = chord([tasks.echo.s(n) for n in range(10)], tasks.total.s())()
    eventually(lambda: not worker.running)
    worker.kill()  # its children
    start_worker().wait_for(sent.ready)
    assert sent.get() == 45
    eventually(no_chord_is_left)
