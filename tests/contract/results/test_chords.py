"""Chord parts on every database: each counts once, whoever brings it back, however often."""

import pytest
from celery.exceptions import ChordError
from celery.utils.functional import regen
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django_celery_results.backends import DatabaseBackend as PeersBackend
from django_celery_results.models import ChordCounter

from djtaskq_results import chords
from djtaskq_results.chords import Counted
from tests.contract.results.chording import count, nothing_is_left, part, request_of
from tests.contract.results.test_storing import statements


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
