"""Every method that Celery asks of a backend, with each serializer and both kinds of requests."""

import dataclasses
import itertools
import pickle
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from celery import states
from celery.backends.base import BaseBackend
from celery.exceptions import ChordError, TaskRevokedError
from celery.exceptions import TimeoutError as CeleryTimeout
from celery.result import GroupResult as CelerysGroup
from django.db import connections
from django_celery_results.backends import DatabaseBackend as PeersBackend
from django_celery_results.models import GroupResult, TaskResult

from djtaskq_results.backends import DatabaseBackend
from djtaskq_results.models import Chord
from tests.contract.results.conftest import SERIALIZERS, protocol_1, protocol_2

STATES = sorted(states.ALL_STATES - {states.IGNORED} | {"PROGRESS"})
VALUE = {"of": ["ü", None, 1.5], "sum": 3}
# What other kinds of backends are for, or what Celery's classes call on themselves.
INTERNAL = {
    *("encode", "decode", "encode_result", "decode_result", "prepare_exception", "prepare_value"),
    *("prepare_expires", "prepare_persistent", "prepare_compression", "meta_from_decoded"),
    *("exception_to_python", "on_backend_retryable_error", "fallback_chord_unlock"),
}


@dataclasses.dataclass(frozen=True)
class Variant:
    """One serializer and one form of messages; `request_of(task_id, **more)` is a task's request."""

    app: Any
    request_of: Callable[..., Any]

    @property
    def backend(self):
        return self.app.backend

    def read(self, task_id):
        """A task's meta, read anew; the peer's backend must read the same."""
        ours = self.backend.get_task_meta(task_id, cache=False)
        theirs = PeersBackend(self.app).get_task_meta(task_id, cache=False)
        assert comparable(theirs) == comparable({name: ours[name] for name in theirs})
        return ours


def every_variant(test):
    """One test for all variants on a database, since it is the emptying of all tables that takes time."""

    def every(make_app, database, subtests):
        for serializer, request_of in itertools.product(SERIALIZERS, (protocol_1, protocol_2)):
            for model in (TaskResult, GroupResult):
                model.objects.all().delete()
            with subtests.test(serializer=serializer, request_of=request_of.__name__):
                variant = Variant(make_app(serializer), request_of)
                test(variant, variant.app, variant.backend)

    every.__name__ = test.__name__
    return every


@pytest.fixture
def variant(app):
    return Variant(app, protocol_2)


def comparable(meta):
    """Two exceptions are equal if they say the same; two results if they are of the same task."""
    result = meta["result"]
    return {**meta, "result": repr(result) if isinstance(result, BaseException) else result}


def test_every_method_of_the_interface_is_called_in_these_files():
    methods = {name for name in dir(BaseBackend) if callable(getattr(BaseBackend, name))}
    wanted = {name for name in methods - INTERNAL if not name.startswith("_") and name.islower()}
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_interface*.py"))
    assert [name for name in sorted(wanted) if f".{name}(" not in source] == []


@every_variant
def test_every_state_is_stored_and_read(variant, app, backend):
    for state in STATES:
        value = KeyError("x") if state in states.EXCEPTION_STATES else VALUE
        traceback = "Traceback …" if state in states.EXCEPTION_STATES else None
        backend.store_result(state, value, state, traceback, variant.request_of(state))
        meta = variant.read(state)
        assert repr(meta["result"]) == repr(value)
        assert (meta["status"], meta["traceback"]) == (state, traceback)
        assert backend.get_state(state) == backend.get_status(state) == state
        assert backend.get_traceback(state) == traceback
        assert repr(backend.get_result(state)) == repr(value)
        assert backend.get_children(state) == []


def test_what_nobody_wrote_about_is_pending(backend, task_id):
    meta = {"task_id": task_id, "status": states.PENDING, "result": None}
    assert backend.get_task_meta(task_id) == meta
    assert backend.get_traceback(task_id) is None
    assert backend.get_children(task_id) is None
    assert not backend.task_result_exists(task_id)


@every_variant
def test_a_tasks_life_in_marks(variant, app, backend):
    request = variant.request_of("the-task")
    backend.mark_as_started("the-task", pid=1, hostname="worker@host")
    assert variant.read("the-task")["result"] == {"pid": 1, "hostname": "worker@host"}
    backend.mark_as_retry("the-task", ValueError("again"), "trace", request)
    assert (variant.read("the-task")["status"], variant.read("the-task")["traceback"]) == (
        states.RETRY,
        "trace",
    )
    backend.mark_as_done("the-task", VALUE, request)
    meta = variant.read("the-task")
    assert (meta["status"], meta["result"], meta["traceback"]) == (states.SUCCESS, VALUE, None)


@every_variant
def test_a_failure_is_marked_with_its_traceback(variant, app, backend):
    backend.mark_as_failure("the-task", ZeroDivisionError("x"), "trace", variant.request_of("the-task"))
    meta = variant.read("the-task")
    assert (meta["status"], repr(meta["result"]), meta["traceback"]) == (
        states.FAILURE,
        "ZeroDivisionError('x')",
        "trace",
    )


def test_the_error_at_hand_fails_a_task(variant, backend, task_id):
    try:
        1 / 0  # noqa: B018  it is the error that is wanted
    except ZeroDivisionError:
        backend.fail_from_current_stack(task_id)
    assert variant.read(task_id)["status"] == states.FAILURE
    assert "ZeroDivisionError: division by zero" in backend.get_traceback(task_id)


@every_variant
def test_a_revocation_is_marked_with_and_without_a_request(variant, app, backend):
    backend.mark_as_revoked("the-task", "expired", variant.request_of("the-task"))
    assert isinstance(variant.read("the-task")["result"], TaskRevokedError)
    backend.mark_as_revoked("unheard of", "revoked")
    assert variant.read("unheard of")["status"] == states.REVOKED


@every_variant
def test_children_are_read_back(variant, app, backend):
    children = [app.AsyncResult("a"), app.GroupResult("g", [app.AsyncResult("b")])]
    request = variant.request_of("the-task", _children=children)
    assert backend.current_task_children(request) == [child.as_tuple() for child in children]
    backend.mark_as_done("the-task", 1, request)
    variant.read("the-task")
    assert len(backend.get_children("the-task")) == 2
    assert [child.as_tuple() for child in app.AsyncResult("the-task").children] == [
        child.as_tuple() for child in children
    ]


@every_variant
def test_the_request_is_read_back(variant, app, backend):
    backend.mark_as_done("the-task", 1, variant.request_of("the-task"))
    meta = variant.read("the-task")
    shown = ("(1, {'a': 2})", "{'b': 3}") if variant.request_of is protocol_2 else ([1, {"a": 2}], {"b": 3})
    assert (meta["args"], meta["kwargs"]) == shown
    assert (meta["name"], meta["worker"]) == ("proj.tasks.add", "worker@host")
    assert meta["periodic_task_name"] == "every minute"


def test_a_cached_result_is_read_anew_on_demand(make_app, database, task_id):
    backend = make_app(result_cache_max=10).backend
    backend.mark_as_done(task_id, 1)
    assert not backend.is_cached(task_id)
    assert backend.get_result(task_id) == 1
    assert backend.is_cached(task_id)
    TaskResult.objects.update(result="2")
    assert backend.get_result(task_id) == 1
    backend.reload_task_result(task_id)
    assert backend.get_result(task_id) == 2


def test_a_result_is_forgotten(backend, task_id):
    for known in (True, False):
        backend.mark_as_done(task_id, 1)
        assert backend.task_result_exists(task_id)
        backend.forget(task_id) if known else TaskResult.objects.all().delete()
        backend.forget(task_id)
        assert backend.get_state(task_id) == states.PENDING


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


def test_what_celery_calls_around_a_task_costs_nothing(app, backend, task_id):
    backend.on_task_call(None, task_id)
    backend.process_cleanup()
    backend.cleanup()
    assert not backend.task_result_exists(task_id)
    assert backend.as_uri() == backend.as_uri(include_password=True) == "djtaskq"
    assert not backend.exception_safe_to_retry(ValueError("connection"))


def test_a_backend_is_pickled(app, backend, task_id):
    backend.mark_as_done(task_id, 1)
    app.set_current()
    assert backend.__reduce__()[1][0] is DatabaseBackend
    copy = pickle.loads(pickle.dumps(backend))
    assert isinstance(copy, DatabaseBackend)
    assert copy.app.conf.result_serializer == app.conf.result_serializer
    assert copy.get_result(task_id) == 1


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
