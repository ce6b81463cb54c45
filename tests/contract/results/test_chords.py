"""Chord parts on every database: each counts once, whoever brings it back, however often."""

import datetime as dt
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from celery.exceptions import ChordError
from celery.utils.functional import regen
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.backends import DatabaseBackend as PeersBackend
from django_celery_results.models import ChordCounter

from djtaskq_results import chords
from djtaskq_results.chords import Counted, Part
from djtaskq_results.models import Chord, ChordPart
from tests.contract.results.conftest import protocol_2
from tests.contract.results.test_storing import statements


class Sent(list):
    """The bodies that were sent, with what they were called with."""


@pytest.fixture
def sent(app, monkeypatch):
    sent = Sent()

    @app.task(name="proj.body", shared=False)
    def body(values):
        pass

    monkeypatch.setattr(body, "apply_async", lambda args=None, *_, **options: sent.append(args[0]))
    return sent


@pytest.fixture
def body(app, sent):
    return app.signature("proj.body").set(task_id="the-body")


@pytest.fixture
def header(app):
    def make(*ids):
        return [app.AsyncResult(task_id) for task_id in ids]

    return make


def request_of(task_id, body, group_id="group", **more):
    return protocol_2(task_id, group=group_id, chord=dict(body), **more)


def part(task_id="a", position=0, group_id="group", state="SUCCESS"):
    return Part(group_id=group_id, task_id=task_id, position=position, state=state)


def count(group_id="group"):
    return ChordCounter.objects.values_list("count", flat=True).filter(group_id=group_id).first()


def a_second_ago():
    return timezone.now() - dt.timedelta(seconds=1)


def nothing_is_left():
    return not (ChordCounter.objects.exists() or Chord.objects.exists() or ChordPart.objects.exists())


def test_the_body_gets_the_results_in_the_order_of_the_header(backend, body, header, sent):
    backend.apply_chord(("group", header("a", "b", "c")), body)
    for task_id in "cab":
        assert not sent
        backend.mark_as_done(
            task_id, task_id.upper(), request_of(task_id, body, group_index="abc".index(task_id))
        )
    assert sent == [["A", "B", "C"]]
    assert nothing_is_left()


def test_a_redelivered_part_never_counts_twice(backend, body, header, sent):
    backend.apply_chord(("group", header("a", "b")), body)
    for _ in range(3):
        backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    assert not sent
    backend.mark_as_done("b", 2, request_of("b", body, group_index=1))
    backend.mark_as_done("b", 2, request_of("b", body, group_index=1))
    assert sent == [[1, 2]]
    assert nothing_is_left()


def test_an_ignored_result_counts_once_and_reaches_the_body(backend, body, header, sent):
    backend.apply_chord(("group", header("a", "b")), body)
    for _ in range(2):
        backend.mark_as_done("a", 1, request_of("a", body, group_index=0, ignore_result=True))
    backend.mark_as_done("b", 2, request_of("b", body, group_index=1))
    assert sent == [[1, 2]]
    assert not backend.task_result_exists("a")


def test_a_generator_is_not_unrolled_and_its_parts_may_be_early(backend, body, header, sent):
    unrolled = []
    members = regen(unrolled.append(result) or result for result in header("a", "b"))
    backend.apply_chord(("group", members), body)
    assert not unrolled
    backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    backend.set_chord_size("group", 2)
    backend.mark_as_done("b", 2, request_of("b", body, group_index=1))
    assert sent == [[1, 2]]


def test_a_nested_header_waits_for_all_its_leaves_and_keeps_its_shape(app, backend, body, header, sent):
    inner = app.GroupResult("inner", header("b", "c"))
    backend.apply_chord(("group", [*header("a"), inner]), body)
    backend.set_chord_size("group", 3)
    for index, task_id in enumerate("abc"):
        assert not sent
        backend.mark_as_done(task_id, task_id.upper(), request_of(task_id, body, group_index=min(index, 1)))
    assert sent == [["A", ["B", "C"]]]


def test_a_part_that_joins_later_is_waited_for(app, backend, body, header, sent):
    backend.apply_chord(("group", header("a")), body)
    backend.add_to_chord("group", app.AsyncResult("late"))
    backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    assert not sent
    backend.mark_as_done("late", 2, request_of("late", body, group_index=0))
    assert sent == [[1, 2]]
    assert nothing_is_left()


def test_one_frozen_signature_may_stand_in_a_header_twice(backend, body, header, sent):
    backend.apply_chord(("group", header("a", "a")), body)
    backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    backend.mark_as_done("a", 1, request_of("a", body, group_index=1))
    assert sent == [[1, 1]]


def test_a_failed_part_fails_the_body_with_its_cause(app, backend, body, header, sent, monkeypatch):
    failures = []
    monkeypatch.setattr(backend, "chord_error_from_stack", lambda _body, error: failures.append(error))
    backend.apply_chord(("group", header("a", "b")), body)
    backend.mark_as_failure("a", KeyError("x"), "trace", request_of("a", body, group_index=0))
    backend.mark_as_done("b", 1, request_of("b", body, group_index=1))
    [failure] = failures
    assert isinstance(failure, ChordError)
    assert str(failure) == "Dependency a raised KeyError('x')"
    assert isinstance(failure.__cause__, KeyError)
    assert not sent
    assert nothing_is_left()


def test_a_body_that_cannot_be_sent_fails(app, backend, body, header, monkeypatch):
    failures = []
    monkeypatch.setattr(backend, "chord_error_from_stack", lambda _body, error: failures.append(error))

    def refuse(*_args, **_options):
        raise RuntimeError("no broker")

    monkeypatch.setattr(app.tasks["proj.body"], "apply_async", refuse)
    backend.apply_chord(("group", header("a")), body)
    backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    assert str(failures[0]) == "Callback error: RuntimeError('no broker')"
    assert nothing_is_left()


def test_a_chord_of_the_peers_backend_ends_here(app, backend, body, header, sent):
    PeersBackend(app).apply_chord(("group", header("a", "b")), body)
    for index, task_id in enumerate("ab"):
        backend.mark_as_done(task_id, index, request_of(task_id, body, group_index=index))
    assert sent == [[0, 1]]
    assert nothing_is_left()


def test_a_chord_of_ours_may_end_in_the_peers_backend(app, backend, body, header, sent):
    peers = PeersBackend(app)
    backend.apply_chord(("group", header("a", "b")), body)
    backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    app._backend = peers
    peers.mark_as_done("b", 2, request_of("b", body, group_index=1))
    assert sent == [[1, 2]]


def test_a_chord_whose_finisher_died_is_finished_when_its_claim_is_over(backend, body, header, sent):
    backend.apply_chord(("group", header("a")), body)
    backend.mark_as_done("a", 1)
    assert chords.part_returned(part()) is Counted.DUE
    assert chords.claim("group", None)
    backend.cleanup()
    assert not sent
    Chord.objects.update(claimed_until=a_second_ago())
    backend.cleanup()
    assert sent == [[1]]
    assert nothing_is_left()


def test_a_redelivered_last_part_finishes_what_its_first_run_did_not(backend, body, header, sent):
    backend.apply_chord(("group", header("a")), body)
    assert chords.part_returned(part()) is Counted.DUE
    backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    assert sent == [[1]]


def test_a_part_of_no_known_chord_leaves_nothing_behind(database):
    assert chords.part_returned(part()) is Counted.UNKNOWN
    assert nothing_is_left()


def test_only_one_may_claim_a_chord(backend, body, header):
    backend.apply_chord(("group", header("a")), body)
    assert chords.claim("group", None)
    assert not chords.claim("group", None)
    ChordCounter.objects.create(group_id="peers", sub_tasks="[]", count=0)
    assert chords.claim("peers", None)
    assert not chords.claim("peers", None)


def test_a_size_that_is_known_is_not_changed(backend, body, header):
    backend.apply_chord(("group", header("a", "b")), body)
    backend.set_chord_size("group", 7)
    assert count() == 2


def test_a_chord_that_is_sent_again_counts_anew(backend, body, header, sent):
    for _ in range(2):
        backend.apply_chord(("group", header("a", "b")), body)
        backend.mark_as_done("a", 1, request_of("a", body, group_index=0))
    assert count() == 1


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


@pytest.mark.parametrize("brought", ["first", "again"])
def test_a_part_is_counted_in_few_statements(backend, body, header, database, brought):
    backend.apply_chord(("group", header("a", "b")), body)
    if brought == "again":
        chords.part_returned(part())
    with CaptureQueriesContext(connections[database]) as queries:
        assert chords.part_returned(part()) is Counted.WAITING
    sent = [statement for statement in statements(queries) if statement != "ROLLBACK"]
    # SQLite reads the count by itself, and is no round trip away.
    once_more = brought == "again"  # it looks up what is left
    assert len(sent) == {"default": 1, "mariadb": 2, "sqlite": 3}[database] + once_more


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


def kill(*_args, **_options):
    raise SystemExit  # what no handler of an error takes for one


@pytest.mark.parametrize("at", ["claim", "parts", "end"])
def test_a_chord_whose_finisher_died_is_finished_by_the_next_look(backend, body, header, sent, at):
    backend.apply_chord(("group", header("a")), body)
    last = request_of("a", body, group_index=0)
    with patch.object(chords, at, kill), pytest.raises(SystemExit):
        backend.mark_as_done("a", 1, last)
    Chord.objects.filter(claimed_until__isnull=False).update(claimed_until=a_second_ago())
    if at == "end":
        backend.store_result("the-body", None, "STARTED")  # it was sent, and runs
    backend.finish_due_chords()
    assert sent == [[1]]
    assert nothing_is_left()


def test_a_look_that_finds_nothing_is_one_statement(backend, body, header, database):
    backend.apply_chord(("group", header("a", "b")), body)
    with CaptureQueriesContext(connections[database]) as queries:
        backend.finish_due_chords()
    assert len(queries) == 1


def test_a_body_that_cannot_be_read_stands_in_no_others_way(backend, body, header, sent, caplog):
    for group_id in ("broken", "well"):
        backend.apply_chord((group_id, header("a")), body)
        assert chords.part_returned(part(group_id=group_id)) is Counted.DUE
    Chord.objects.filter(group_id="broken").update(body="{")
    backend.mark_as_done("a", 1)
    backend.finish_due_chords()
    assert sent == [[1]]
    assert "'broken'" in caplog.text


def test_what_the_peers_workers_left_behind_expires_too(make_app, body, database, sent):
    backend = make_app(result_chord_expires=3600).backend
    ChordCounter.objects.create(group_id="begun there", sub_tasks="[]", count=3)
    ChordPart.objects.create(group_id="ended there", task_id="a", position=0, state="SUCCESS")
    backend.cleanup()
    assert ChordCounter.objects.count() == ChordPart.objects.count() == 1
    Chord.objects.update(created_at=timezone.now() - dt.timedelta(hours=2))
    backend.cleanup()
    assert nothing_is_left()
