"""The methods of the interface that are about many tasks: groups, waiting, chords, threads."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import states
from celery.exceptions import ChordError
from celery.exceptions import TimeoutError as CeleryTimeout
from celery.result import GroupResult as CelerysGroup
from django.db import connections
from django_celery_results.backends import DatabaseBackend as PeersBackend

from djtaskq_results.models import Chord
from tests.contract.results.conftest import protocol_2
from tests.contract.results.variants import VALUE, Variant, every_variant


@pytest.fixture
def variant(app):
    return Variant(app, protocol_2)


@every_variant
def test_a_group_is_saved_read_and_deleted(variant, app, backend):
    members = [app.AsyncResult("a"), app.GroupResult("inner", [app.AsyncResult("b")])]
    group = app.GroupResult("group", members)
    assert backend.save_group("group", group) is group
    for restored in (
        backend.restore_group("group"),
        backend.get_group_meta("group", cache=False)["result"],
        PeersBackend(app).restore_group("group"),
    ):
        assert restored.as_tuple() == group.as_tuple()
    backend.reload_group_result("group")
    backend.delete_group("group")
    assert backend.restore_group("group", cache=False) is None
    backend.delete_group("group")


def test_many_are_waited_for_at_once(app, backend):
    ids = [f"task-{number}" for number in range(30)]
    for task_id in ids[:20]:
        backend.mark_as_done(task_id, task_id)
    backend.mark_as_failure(ids[20], KeyError("x"))
    found = dict(backend.get_many(ids[:21], timeout=5))
    assert sorted(found) == sorted(ids[:21])
    assert found[ids[3]]["result"] == ids[3]
    assert found[ids[20]]["status"] == states.FAILURE
    group = CelerysGroup("group", [app.AsyncResult(task_id) for task_id in ids[:20]], app=app)
    assert {task_id for task_id, _ in backend.iter_native(group, timeout=5)} == set(ids[:20])
    assert list(backend.iter_native(CelerysGroup("none", [], app=app))) == []
    with pytest.raises(CeleryTimeout):
        list(backend.get_many(ids, timeout=0.01))


def test_one_is_waited_for(app, backend, task_id):
    result = app.AsyncResult(task_id)
    assert backend.add_pending_result(result) is result or not backend.is_async
    with pytest.raises(CeleryTimeout):
        backend.wait_for(task_id, timeout=0.01)
    backend.mark_as_done(task_id, VALUE)
    assert backend.wait_for(task_id, timeout=5)["result"] == VALUE
    assert backend.wait_for_pending(result, timeout=5) == VALUE
    backend.remove_pending_result(result)


@every_variant
def test_a_chord_is_counted_to_its_body(variant, app, backend):
    sent = []

    @app.task(name="proj.body", shared=False)
    def body(values):
        pass

    body.apply_async = lambda args=None, *_, **options: sent.append(args[0])
    backend.ensure_chords_allowed()
    signature = app.signature("proj.body").set(task_id="the-body")
    header = [app.AsyncResult("a"), app.GroupResult("inner", [app.AsyncResult("b"), app.AsyncResult("c")])]
    backend.apply_chord(("group", header), signature)
    backend.set_chord_size("group", 3)
    backend.add_to_chord("group", app.AsyncResult("d"))
    for task_id in "abcd":
        assert not sent
        request = variant.request_of(task_id, group="group", chord=dict(signature))
        backend.store_result(task_id, task_id.upper(), states.SUCCESS, request=request)
        backend.on_chord_part_return(request, states.SUCCESS, task_id.upper())
    assert sent == [["A", ["B", "C"], "D"]]
    assert not Chord.objects.exists()


def test_a_chord_that_failed_is_said_to_have(app, variant, backend):
    body = app.signature("proj.body", app=app).set(task_id="the-body")
    try:
        raise ChordError("no")  # noqa: TRY301  it is the error that is wanted
    except ChordError as error:
        backend.chord_error_from_stack(body, error)
    meta = variant.read("the-body")
    assert (meta["status"], repr(meta["result"])) == (states.FAILURE, "ChordError('no')")


def test_threads_share_a_backend(backend, database):
    ids = [[str(uuid.uuid4()) for _ in range(10)] for _ in range(4)]
    together = threading.Barrier(len(ids))

    def work(mine):
        try:
            together.wait(30)
            for task_id in mine:
                backend.mark_as_started(task_id)
                backend.mark_as_done(task_id, task_id)
            return [backend.get_result(task_id) for task_id in mine]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(ids)) as pool:
        assert list(pool.map(work, ids)) == ids
