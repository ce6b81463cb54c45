"""Chord parts that come back at once, and from inside of transactions."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from django.db import connections, transaction

from djtaskq_results import chords
from djtaskq_results.chords import Counted
from djtaskq_results.models import ChordPart
from tests.contract.results.chording import count, nothing_is_left, part, request_of

# What a server or a project may be set to: a transaction that reads and then writes is refused, or sees what
# was, where it did not take its lock first.
STRICT = {
    "default": {"options": r"-c default_transaction_isolation=repeatable\ read"},
    "mariadb": {"isolation_level": "repeatable read"},
    "sqlite": {"transaction_mode": "DEFERRED"},
}


@pytest.fixture(params=["usual", "strict"])
def isolation(request, database):
    """How the transactions of all of the test's connections are kept apart."""
    if request.param == "usual":
        yield
        return
    connections[database].close()
    with patch.dict(connections[database].settings_dict["OPTIONS"], STRICT[database]):
        yield
        connections[database].close()


@pytest.mark.usefixtures("isolation")
def test_parts_that_come_back_at_once_are_all_counted(database):
    """Eighty parts from eight threads, each brought back twice: none is lost, none counts twice."""
    size, threads = 80, 8
    group_id = str(uuid.uuid4())
    chords.begin(group_id, [], size, None)
    together = threading.Barrier(threads)

    def bring_back(share):
        try:
            together.wait()
            return [
                chords.part_returned(part(f"t{number}", number, group_id))
                for number in range(share, size, threads)
                for _ in range(2)
            ]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        counted = [each for share in pool.map(bring_back, range(threads)) for each in share]
    assert count(group_id) == 0
    assert ChordPart.objects.count() == size
    assert Counted.DUE in counted


@pytest.mark.usefixtures("isolation")
def test_threads_on_the_backend_lose_no_part_and_no_error_reaches_a_task(app, body, header, sent):
    """As a worker with a pool of threads does it: result and part, eighty times from eight threads."""
    size, threads = 80, 8
    ids = [f"t{number}" for number in range(size)]
    app.backend.apply_chord(("group", header(*ids)), body)
    together = threading.Barrier(threads)

    def run(share):
        try:
            together.wait()
            for number in range(share, size, threads):
                request = request_of(ids[number], body, group_index=number)
                app.backend.store_result(ids[number], {}, "STARTED", request=request)
                app.backend.mark_as_done(ids[number], number, request)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))
    assert sent == [list(range(size))]
    assert nothing_is_left()


def test_a_chord_begun_in_a_transaction_is_there_for_others_at_once(backend, body, header, database):
    seen = []

    def look():
        seen.append(count())
        connections.close_all()

    with transaction.atomic(using=database):
        backend.apply_chord(("group", header("a", "b")), body)
        if database != "sqlite":
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        else:
            # Its one writer is the transaction itself: others see the chord when it ends.
            seen.append(count())
    assert seen == [2]
