"""What a state becomes in the table, on every database, with every serializer and message protocol."""

import itertools
import uuid

import pytest
from celery import states
from celery.exceptions import Ignore
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.backends import DatabaseBackend as PeersBackend
from django_celery_results.models import TaskResult

from djtaskq_results import states as rule
from djtaskq_results import store
from tests.contract.results.conftest import SERIALIZERS, protocol_1, protocol_2

VALUES = [None, 0, "text", "ünïcödé 漢字", [1, [2]], {"a": {"b": [True, None]}}]
COLUMNS = [field.name for field in TaskResult._meta.fields if field.name not in {"id", "task_id"}]
TIMES = {"date_created", "date_started", "date_done"}

# One state of each kind: none, ready ones, such as come before, and one that a task made up.
ALL_STATES = ("PENDING", "RECEIVED", "STARTED", "RETRY", "FAILURE", "REVOKED", "SUCCESS", "PROGRESS")


def statements(queries):
    """What was sent besides the bounds of transactions, and what a connection is told once in its life."""
    besides = ("BEGIN", "COMMIT", "PREPARE")
    return [query["sql"] for query in queries.captured_queries if not query["sql"].startswith(besides)]


def row(task_id):
    return TaskResult.objects.get(task_id=task_id)


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_result_comes_back_as_it_was(database, make_app, task_id, serializer, value):
    backend = make_app(serializer).backend
    backend.mark_as_done(task_id, value, protocol_2(task_id))
    assert backend.get_state(task_id) == states.SUCCESS
    assert backend.get_result(task_id) == value


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_an_exception_comes_back_as_what_it_was(database, make_app, task_id, serializer):
    backend = make_app(serializer).backend
    backend.mark_as_failure(task_id, KeyError("no such thing"), "the traceback", protocol_2(task_id))
    error = backend.get_result(task_id)
    assert isinstance(error, KeyError)
    assert error.args == ("no such thing",)
    assert backend.get_traceback(task_id) == "the traceback"


@pytest.mark.parametrize("request_of", [protocol_1, protocol_2], ids=["protocol 1", "protocol 2"])
@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("extended", [True, False], ids=["extended", "plain"])
def test_a_row_is_what_the_peers_backend_writes(database, make_app, serializer, request_of, extended):
    app = make_app(serializer, result_extended=extended)
    ours, theirs = str(uuid.uuid4()), str(uuid.uuid4())
    for task_id, backend in ((ours, app.backend), (theirs, PeersBackend(app))):
        request = request_of(task_id, meta={"mine": 1}, _children=[app.AsyncResult("child")])
        backend.store_result(task_id, {"pid": 1}, states.STARTED, request=request)
        backend.mark_as_done(task_id, {"sum": 3}, request)
    written, expected = (
        TaskResult.objects.values(*COLUMNS).get(task_id=task_id) for task_id in (ours, theirs)
    )
    for name in TIMES:
        assert (written.pop(name) is None) == (expected.pop(name) is None)
    assert written == expected


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_the_peers_backend_reads_what_we_write(database, make_app, task_id, serializer):
    app = make_app(serializer)
    app.backend.mark_as_done(task_id, [1, 2], protocol_2(task_id))
    meta = PeersBackend(app).get_task_meta(task_id)
    assert (meta["status"], meta["result"]) == (states.SUCCESS, [1, 2])
    assert (meta["task_args"], meta["worker"]) == ("(1, {'a': 2})", "worker@host")


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_we_read_what_the_peers_backend_writes(database, make_app, task_id, serializer):
    app = make_app(serializer)
    PeersBackend(app).mark_as_failure(task_id, ValueError("x"), "trace", protocol_2(task_id))
    meta = app.backend.get_task_meta(task_id)
    assert (meta["status"], meta["traceback"]) == (states.FAILURE, "trace")
    assert isinstance(meta["result"], ValueError)
    assert (meta["args"], meta["name"]) == ("(1, {'a': 2})", "proj.tasks.add")


def test_a_result_is_read_by_the_serializer_that_wrote_it(database, make_app, task_id):
    make_app("pickle").backend.mark_as_done(task_id, {1: (2, 3)}, protocol_2(task_id))
    assert make_app("json").backend.get_result(task_id) == {1: (2, 3)}


def test_a_traceback_is_kept_without_result_extended(database, make_app, task_id):
    backend = make_app(result_extended=False).backend
    backend.mark_as_failure(task_id, ValueError("x"), "the traceback", protocol_2(task_id))
    assert row(task_id).traceback == "the traceback"


def test_names_and_arguments_are_kept_with_result_extended_alone(database, make_app, task_id):
    backend = make_app(result_extended=False).backend
    backend.mark_as_done(task_id, 1, protocol_2(task_id))
    kept = row(task_id)
    assert (kept.task_name, kept.task_args, kept.task_kwargs, kept.worker) == (None, None, None, None)


def test_a_late_started_never_replaces_success(backend, task_id):
    backend.mark_as_done(task_id, 42, protocol_2(task_id))
    backend.store_result(task_id, {"pid": 1}, states.STARTED, request=protocol_2(task_id))
    assert backend.get_task_meta(task_id)["result"] == 42
    assert backend.get_state(task_id) == states.SUCCESS


def test_the_sql_guard_is_the_rule(database, subtests):
    now = timezone.now()
    cases = itertools.product(ALL_STATES, (None, now), ALL_STATES, (False, True))
    for number, (before, started, after, redelivered) in enumerate(cases):
        task_id = f"{number}"
        TaskResult.objects.create(
            task_id=task_id, status=before, result="old", date_started=started, content_type="x"
        )
        gate = rule.gate(after, redelivered=redelivered)
        new = {"task_id": task_id, "status": after, "result": "new", "content_type": "y"}
        times = {"date_created": now, "date_started": now if after == states.STARTED else None}
        store.save({**new, "content_encoding": "", **times, "date_done": now}, gate, known=number % 2 == 0)
        passes = rule.gives_way(before, gate, started=started is not None)
        expected = (after, "new", "y") if passes else (before, "old", "x")
        kept = TaskResult.objects.values_list("status", "result", "content_type").get(task_id=task_id)
        assert kept == expected, (before, started, after, redelivered)


def test_a_redelivery_starts_anew_after_a_failure(backend, task_id):
    backend.mark_as_failure(task_id, RuntimeError("worker lost"), request=protocol_2(task_id))
    again = protocol_2(task_id, delivery_info={"redelivered": True})
    backend.store_result(task_id, {"pid": 2}, states.STARTED, request=again)
    assert backend.get_state(task_id) == states.STARTED
    backend.mark_as_done(task_id, 1, again)
    assert backend.get_state(task_id) == states.SUCCESS


def test_date_started_outlives_the_later_states(backend, task_id):
    request = protocol_2(task_id)
    backend.store_result(task_id, {"pid": 1}, states.STARTED, request=request)
    started = row(task_id).date_started
    backend.store_result(task_id, {"done": 1}, "PROGRESS", request=request)
    backend.mark_as_retry(task_id, ValueError("again"), "trace", request)
    backend.mark_as_done(task_id, 1, request)
    assert row(task_id).date_started == started
    assert started <= row(task_id).date_done


def test_date_created_and_the_key_stay_and_date_done_moves(backend, task_id):
    backend.store_result(task_id, {"pid": 1}, states.STARTED, request=protocol_2(task_id))
    before = row(task_id)
    backend.mark_as_done(task_id, 1, protocol_2(task_id))
    after = row(task_id)
    assert (after.pk, after.date_created) == (before.pk, before.date_created)
    assert after.date_done > before.date_done


def test_a_revocation_that_knows_the_id_alone_forgets_nothing(backend, task_id):
    backend.store_result(task_id, {"pid": 1}, states.STARTED, request=protocol_2(task_id))
    backend.mark_as_revoked(task_id, "revoked")
    kept = row(task_id)
    assert (kept.status, kept.task_name, kept.worker) == (states.REVOKED, "proj.tasks.add", "worker@host")


def test_hostile_text_costs_no_result(backend, task_id):
    request = protocol_2(
        task_id,
        task="nul \x00 lone \ud800" + "x" * 500,
        hostname="w" * 300,
        periodic_task_name="p" * 300,
        argsrepr="\x00\udfff",
    )
    backend.store_result(task_id, {"a": "\x00\ud800"}, "STATE\x00" + "s" * 99, request=request)
    backend.mark_as_failure(task_id, ValueError("\x00"), "trace \x00 \udc80 back", request)
    kept = row(task_id)
    assert kept.traceback == "trace � � back"
    assert (len(kept.worker), len(kept.status), len(kept.task_name), len(kept.periodic_task_name)) == (
        100,
        7,
        255,
        255,
    )
    assert kept.worker[-1] == kept.task_name[-1] == kept.periodic_task_name[-1] == "…"
    assert isinstance(backend.get_result(task_id), ValueError)


def test_a_status_that_is_too_long_is_cut_where_one_sees_it(backend, task_id):
    backend.store_result(task_id, 1, "STATE\x00" + "s" * 99, request=protocol_2(task_id))
    kept = row(task_id).status
    assert (len(kept), kept[:7], kept[-1]) == (50, "STATE�s", "…")


def test_task_ids_that_are_too_long_do_not_get_mixed_up(backend):
    long = "nul \x00 lone \ud800 " + "i" * 300
    for number in (1, 2):
        backend.mark_as_done(f"{long} {number}", number, protocol_2(f"{long} {number}"))
    assert [backend.get_result(f"{long} {number}") for number in (1, 2)] == [1, 2]
    for kept in TaskResult.objects.values_list("task_id", flat=True):
        assert len(kept) == 255
        assert kept.startswith("nul � lone � iii")
        assert "i…" in kept
    backend.forget(f"{long} 1")
    assert not backend.task_result_exists(f"{long} 1")
    assert backend.task_result_exists(f"{long} 2")


def test_a_large_result_is_stored_whole(backend, database, task_id):
    # MariaDB takes 16 MB in one statement unless it is told otherwise, the others take any size.
    size = 10_000_000 if database == "mariadb" else 50_000_000
    backend.mark_as_done(task_id, "x" * size, protocol_2(task_id))
    assert len(backend.get_result(task_id)) == size


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_a_result_that_the_database_does_not_take_fails_the_task(backend, task_id):
    """At once and in words: who waits for it would wait for ever."""
    backend.store_result(task_id, None, states.STARTED, request=protocol_2(task_id))
    backend.mark_as_done(task_id, '"' * 9_000_000, protocol_2(task_id))
    assert backend.get_state(task_id) == states.FAILURE
    error = backend.get_result(task_id)
    assert "max_allowed_packet" in str(error)
    assert "18,000,002 characters" in str(error)


SERVERS = pytest.mark.parametrize(
    "database", ["default", "mariadb"], indirect=True, ids=["postgresql", "mariadb"]
)


@SERVERS
def test_the_states_of_a_task_take_one_key(backend):
    first = TaskResult.objects.create(task_id="first").pk
    for number in range(10):
        request = protocol_2(f"{number}")
        for state in (states.STARTED, "PROGRESS", "PROGRESS", states.SUCCESS, "PROGRESS"):
            backend.store_result(f"{number}", None, state, request=request)
    again = protocol_2("0", delivery_info={"redelivered": True})
    backend.store_result("0", None, states.STARTED, request=again)
    backend.store_result("1", None, states.STARTED, request=protocol_2("1", retries=1))
    assert TaskResult.objects.create(task_id="last").pk == first + 11


def test_a_state_is_one_statement(backend, database, task_id):
    for state in (states.STARTED, "PROGRESS", states.RETRY, states.SUCCESS, states.STARTED):
        backend.store_result("another", None, state, request=protocol_2("another"))  # asks once what there is
        with CaptureQueriesContext(connections[database]) as queries:
            backend.store_result(task_id, None, state, request=protocol_2(task_id))
        # What a connection asks once, and what it prepares when a statement is sent often, is beside it.
        once = ("SELECT pg_get_serial_sequence", "PREPARE")
        assert len([query for query in queries if not query["sql"].startswith(once)]) == 1, list(queries)


def test_a_forgotten_task_is_pending_again(backend, database, task_id):
    backend.mark_as_done(task_id, 1, protocol_2(task_id))
    assert backend.task_result_exists(task_id)
    with CaptureQueriesContext(connections[database]) as queries:
        backend.forget(task_id)
    assert len(statements(queries)) == 1
    assert not backend.task_result_exists(task_id)
    assert backend.get_state(task_id) == states.PENDING


def test_a_uuid_is_a_task_id(backend):
    task_id = uuid.uuid4()
    backend.store_result(task_id, 1, states.SUCCESS)
    assert backend.get_result(task_id) == backend.get_result(str(task_id)) == 1


def test_async_result_knows_its_name_arguments_and_children(app, backend, task_id):
    request = protocol_2(task_id, _children=[app.AsyncResult("child")])
    backend.mark_as_done(task_id, 1, request)
    result = app.AsyncResult(task_id)
    assert (result.name, result.args, result.worker) == ("proj.tasks.add", "(1, {'a': 2})", "worker@host")
    assert [child.id for child in result.children] == ["child"]


def test_what_a_task_put_into_its_meta_cannot_pose_as_its_state(backend, task_id):
    request = protocol_2(task_id, meta={"status": "FAILURE", "result": 0, "mine": 1})
    backend.mark_as_done(task_id, 42, request)
    meta = backend.get_task_meta(task_id)
    assert (meta["status"], meta["result"], meta["mine"]) == (states.SUCCESS, 42, 1)


def test_ignore_leaves_no_row_behind(backend, task_id):
    backend.mark_as_done(task_id, Ignore(), protocol_2(task_id, ignore_result=True))
    assert not backend.task_result_exists(task_id)
