"""Every method that Celery asks of a backend, with each serializer and both kinds of requests."""

import pickle
from pathlib import Path

import pytest
from celery import states
from celery.backends.base import BaseBackend
from celery.exceptions import TaskRevokedError
from django_celery_results.models import TaskResult

from djtaskq_results.backends import DatabaseBackend
from tests.contract.results.conftest import protocol_2
from tests.contract.results.variants import STATES, VALUE, Variant, every_variant


@pytest.fixture
def variant(app):
    return Variant(app, protocol_2)


# What other kinds of backends are for, or what Celery's classes call on themselves.
INTERNAL = {
    *("encode", "decode", "encode_result", "decode_result", "prepare_exception", "prepare_value"),
    *("prepare_expires", "prepare_persistent", "prepare_compression", "meta_from_decoded"),
    *("exception_to_python", "on_backend_retryable_error", "fallback_chord_unlock"),
}


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
