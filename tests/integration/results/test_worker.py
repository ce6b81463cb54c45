"""Real workers on each database: what Celery's canvas asks of a result backend."""

import pytest
from celery import chain, chord, group
from celery.exceptions import ChordError
from celery.exceptions import TimeoutError as CeleryTimeout
from django.db import transaction
from django_celery_results.models import ChordCounter, TaskResult

from djtaskq_results.models import Chord, ChordPart
from tests.integration.results import resultsapp as tasks
from tests.waiting import eventually

SECONDS = 20


@pytest.fixture
def worker(database, processes, redis_url):
    app = tasks.app
    app.conf.broker_url = redis_url
    # What was made for the broker of the test before.
    app._pool = None
    vars(app).pop("amqp", None)
    environment = {"DJTASKQ_TEST_BROKER_URL": redis_url}
    return processes.worker("tests.integration.results.resultsapp", environment=environment)


def no_chord_is_left():
    return not (ChordCounter.objects.exists() or Chord.objects.exists() or ChordPart.objects.exists())


def test_the_canvas_ends_with_the_right_results(worker):
    """One worker for all, since its start is what takes the time."""
    result = tasks.add.delay(2, 3)
    assert result.get(timeout=SECONDS) == 5
    row = TaskResult.objects.get(task_id=result.id)
    assert (row.status, row.task_name) == ("SUCCESS", "tests.integration.results.resultsapp.add")
    assert row.date_started <= row.date_done

    failed = tasks.fail.delay("no such thing")
    with pytest.raises(ValueError, match="no such thing"):
        failed.get(timeout=SECONDS)
    assert "ValueError: no such thing" in failed.traceback

    assert tasks.succeed_at_third.delay().get(timeout=SECONDS) == 2
    assert chain(tasks.add.s(1, 1), tasks.add.s(1), tasks.echo.s())().get(timeout=SECONDS) == 3
    assert group(tasks.add.s(n, n) for n in range(10))().get(timeout=SECONDS) == list(range(0, 20, 2))

    saved = group(tasks.add.s(n, 1) for n in range(3))()
    saved.save()
    assert tasks.app.GroupResult.restore(saved.id).get(timeout=SECONDS) == [1, 2, 3]

    assert chord([tasks.add.s(n, n) for n in range(10)], tasks.total.s())().get(timeout=SECONDS) == 90
    ordered = chord((tasks.echo.s(n) for n in range(5)), tasks.echo.s())()
    assert ordered.get(timeout=SECONDS) == [0, 1, 2, 3, 4]

    nested = chord(
        [tasks.echo.s(1) | group(tasks.add.s(1), tasks.add.s(2)), tasks.echo.s(9)], tasks.echo.s()
    )()
    assert nested.get(timeout=SECONDS) == [[2, 3], 9]

    mixed = chord([tasks.ignored.s(7), tasks.echo.s(1)], tasks.echo.s())()
    assert mixed.get(timeout=SECONDS) == [7, 1]

    grown = chord([tasks.join_the_chord.s([1, 2, 3]), tasks.echo.s(4)], tasks.total.s())()
    assert grown.get(timeout=SECONDS) == 10

    broken = chord([tasks.echo.s(1), tasks.fail.s("a part")], tasks.total.s())()
    with pytest.raises(ValueError, match="a part"):
        broken.get(timeout=SECONDS)  # the parent's error comes before what it caused
    with pytest.raises(ChordError, match=r"Dependency .* raised ValueError\('a part'\)"):
        tasks.app.AsyncResult(broken.id).get(timeout=SECONDS)

    eventually(no_chord_is_left)


def test_a_process_keeps_the_connection_that_it_stores_on(worker, database):
    sessions = {tasks.session.delay().get(timeout=SECONDS) for _ in range(8)}
    assert len(sessions) <= 2  # as many as the worker has processes
    assert (sessions == {None}) == (database == "sqlite")


def test_a_chord_that_is_sent_inside_a_transaction_ends(worker, database):
    with transaction.atomic(using=database):
        sent = chord([tasks.echo.s(1), tasks.echo.s(2)], tasks.total.s())()
        if database != "sqlite":
            assert sent.get(timeout=SECONDS) == 3
    assert sent.get(timeout=SECONDS) == 3
    eventually(no_chord_is_left)


def test_progress_inside_a_transaction_is_seen_at_once(worker, database):
    assert tasks.progress_inside_a_transaction.delay().get(timeout=SECONDS) == "PROGRESS"


def test_waiting_for_what_does_not_come_ends_in_time(worker):
    with pytest.raises(CeleryTimeout):
        tasks.app.AsyncResult("nobody sent this").get(timeout=0.2)
    pending = group(tasks.echo.s(1))()
    pending.results.append(tasks.app.AsyncResult("nor this"))
    with pytest.raises(CeleryTimeout):
        pending.get(timeout=0.2)
