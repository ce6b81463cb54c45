"""Groups, waiting and forgetting on every database."""

import datetime as dt
import threading

import pytest
from celery.exceptions import TimeoutError as CeleryTimeout
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.backends import DatabaseBackend as PeersBackend
from django_celery_results.models import ChordCounter, GroupResult, TaskResult
from kombu.exceptions import ContentDisallowed

from djtaskq_results.models import Chord
from tests.contract.results.conftest import SERIALIZERS, protocol_2


def members(app, size):
    return [app.AsyncResult(f"task-{number}") for number in range(size)]


@pytest.fixture
def group(app, backend):
    """A group of 200 that is ready."""
    for number in range(200):
        backend.mark_as_done(f"task-{number}", number, protocol_2(f"task-{number}"))
    return app.GroupResult("group", members(app, 200))


def test_a_ready_group_is_one_statement(group, database):
    with CaptureQueriesContext(connections[database]) as queries:
        assert group.get(timeout=5) == list(range(200))
    assert len(queries) == 1


def test_a_group_may_hold_groups(app, backend):
    for number in range(3):
        backend.mark_as_done(f"task-{number}", number)
    first, *rest = members(app, 3)
    outer = app.GroupResult("outer", [first, app.GroupResult("inner", rest)])
    assert outer.get(timeout=5) == [0, [1, 2]]


def test_each_member_is_yielded_once_as_it_becomes_ready(app, backend, database):
    backend.mark_as_done("task-0", 0)
    found = backend.get_many(["task-0", "task-1"], timeout=10)
    assert next(found)[0] == "task-0"
    backend.mark_as_done("task-1", 1)
    assert [(task_id, meta["result"]) for task_id, meta in found] == [("task-1", 1)]


def test_waiting_in_vain_ends_in_time_with_what_was_there(app, backend):
    backend.mark_as_done("task-0", 0)
    found = backend.get_many(["task-0", "never"], timeout=0)
    assert next(found)[0] == "task-0"
    with pytest.raises(CeleryTimeout):
        next(found)
    assert list(backend.get_many(["never"], max_iterations=1)) == []


def test_on_message_and_on_interval_are_called(app, backend):
    heard, told = [], []
    backend.mark_as_done("task-0", 0)
    app.AsyncResult("task-0").get(timeout=5, on_message=heard.append, on_interval=lambda: told.append(1))
    app.GroupResult("g", members(app, 1)).get(timeout=5, on_message=heard.append)
    assert [meta["result"] for meta in heard] == [0, 0]
    assert told


def test_a_failure_is_raised_and_a_result_may_be_had_without(app, backend):
    backend.mark_as_failure("task-0", KeyError("x"))
    with pytest.raises(KeyError):
        app.AsyncResult("task-0").get(timeout=5)
    with pytest.raises(KeyError):
        app.GroupResult("g", members(app, 1)).get(timeout=5)
    assert isinstance(app.AsyncResult("task-0").get(timeout=5, propagate=False), KeyError)


def test_a_result_that_comes_later_is_waited_for(app, backend, database):
    waiting = threading.Event()

    def store():
        waiting.wait(10)
        app.backend.mark_as_done("task-0", "late")
        connections.close_all()

    thread = threading.Thread(target=store)
    thread.start()
    got = app.AsyncResult("task-0").get(timeout=10, on_interval=waiting.set)
    thread.join()
    assert got == "late"


def test_a_result_is_seen_from_inside_an_older_snapshot(app, backend, database):
    """A transaction that reads one snapshot for ever would wait for ever."""
    with transaction.atomic(using=database):
        TaskResult.objects.count()
        backend.mark_as_done("task-0", 1)
        assert app.AsyncResult("task-0").get(timeout=5) == 1


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_group_is_saved_restored_and_deleted(make_app, database, serializer):
    app = make_app(serializer)
    for size in (2, 3):
        app.GroupResult("group", members(app, size)).save()
    assert GroupResult.objects.count() == 1
    restored = app.GroupResult.restore("group")
    assert [result.id for result in restored] == ["task-0", "task-1", "task-2"]
    assert len(PeersBackend(app).restore_group("group")) == 3
    restored.delete()
    assert app.GroupResult.restore("group") is None
    app.backend.delete_group("no such group")


def test_a_group_of_the_peers_backend_is_restored(app, backend):
    PeersBackend(app).save_group("group", app.GroupResult("group", members(app, 2)))
    assert len(backend.restore_group("group")) == 2


def test_saving_a_group_is_one_statement(app, backend, database):
    group = app.GroupResult("group", members(app, 2))
    for _ in range(2):
        with CaptureQueriesContext(connections[database]) as queries:
            group.save()
        assert len(queries) == 1


def test_a_serializer_that_is_not_accepted_is_not_read(make_app, database, task_id):
    make_app("pickle").backend.mark_as_done(task_id, 1)
    with pytest.raises(ContentDisallowed):
        make_app(accept_content=["json"]).backend.get_result(task_id)


def test_a_state_inside_a_transaction_outlives_its_rollback(backend, database, task_id):
    with transaction.atomic(using=database):
        backend.store_result(task_id, {"done": 1}, "PROGRESS")
        assert backend.get_state(task_id) == "PROGRESS"
        transaction.set_rollback(True, using=database)
    kept = "PENDING" if database == "sqlite" else "PROGRESS"  # with one writer there is no outside
    assert backend.get_state(task_id) == kept


def test_a_state_is_stored_after_a_transaction_was_aborted(backend, database, task_id):
    if database == "sqlite":
        return  # as above: what is written inside goes with the transaction

    def store_in_broken_transaction():
        with transaction.atomic(using=database):
            try:
                TaskResult.objects.create(task_id="x" * 300)
            except DatabaseError:
                backend.store_result(task_id, {"done": 1}, "PROGRESS")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        store_in_broken_transaction()
    assert backend.get_state(task_id) == "PROGRESS"


def test_a_connection_that_died_is_replaced(backend, database, task_id):
    backend.mark_as_done("before", 1)
    if database != "sqlite":  # there is no server that could have gone away
        connections[database].connection.close()
    backend.mark_as_done(task_id, 1)
    assert backend.get_result(task_id) == 1


def test_chords_that_never_ended_expire(app, backend):
    body = app.signature("proj.body")
    backend.apply_chord(("group", members(app, 2)), body)
    Chord.objects.update(created_at=timezone.now() - dt.timedelta(days=2))
    backend.cleanup()
    assert not Chord.objects.exists()
    assert not ChordCounter.objects.exists()


def test_a_worker_s_banner_says_where_results_go(backend):
    assert backend.as_uri() == "djtaskq"
