"""What goes wrong with django-celery-results: docs/results-defects.md says what else holds it out."""

import pytest
from celery import states
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from tests.contract.core.test_retry import SERVERS, terminate
from tests.contract.results.conftest import protocol_2

# On a chord of the tasks "a" and "b", counted as "group".
OPERATIONS = {
    "store_result": lambda backend, _chord: backend.store_result("a", 1, states.STARTED),
    "mark_as_revoked": lambda backend, _chord: backend.mark_as_revoked("a", "revoked"),
    "get_task_meta": lambda backend, _chord: backend.get_task_meta("a"),
    "task_result_exists": lambda backend, _chord: backend.task_result_exists("a"),
    "get_many": lambda backend, _chord: list(backend.get_many(["a"], max_iterations=1)),
    "forget": lambda backend, _chord: backend.forget("a"),
    "save_group": lambda backend, chord: backend.save_group("group", chord.group),
    "restore_group": lambda backend, _chord: backend.restore_group("group"),
    "delete_group": lambda backend, _chord: backend.delete_group("group"),
    "apply_chord": lambda _backend, chord: chord.begin(),
    "set_chord_size": lambda backend, _chord: backend.set_chord_size("group", 2),
    "add_to_chord": lambda backend, chord: backend.add_to_chord("group", chord.group[0]),
    "on_chord_part_return": lambda _backend, chord: chord.bring_back("a"),
    "cleanup": lambda backend, _chord: backend.cleanup(),
}


class Chord:
    """A chord of two tasks, and with what its body was sent."""

    def __init__(self, app):
        self.backend = app.backend
        self.group = app.GroupResult("group", [app.AsyncResult("a"), app.AsyncResult("b")])
        self.sent = []

        @app.task(name="proj.body", shared=False)
        def body(values):
            pass

        body.apply_async = lambda args=None, *_, **_options: self.sent.append(args[0])
        self.body = app.signature("proj.body").set(task_id="the-body")

    def begin(self):
        self.backend.apply_chord(("group", self.group.results), self.body)

    def bring_back(self, task_id):
        index = "ab".index(task_id)
        request = protocol_2(task_id, group="group", chord=dict(self.body), group_index=index)
        self.backend.mark_as_done(task_id, index, request)


@pytest.fixture
def chord(app, backend):
    chord = Chord(app)
    chord.begin()
    return chord


class NoReplica:
    """A router over a replica that lags so far behind that it must not be asked."""

    def __init__(self, primary):
        self.primary = primary

    def db_for_read(self, model, **_hints):
        raise AssertionError(f"{model} was read from the replica")

    def db_for_write(self, model, **_hints):
        return self.primary


@SERVERS
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_session_that_the_server_ended_costs_nothing(backend, chord, database, operation):
    other = connections[database].copy()
    terminate(database, other)
    other.close()
    operation(backend, chord)


def test_a_replica_that_lags_behind_is_never_asked(app, backend, chord, database):
    with override_settings(DATABASE_ROUTERS=[NoReplica(database)]):
        chord.bring_back("a")
        chord.bring_back("b")
        chord.group.save()
        assert app.GroupResult.restore("group").get(timeout=5) == [0, 1]
    assert chord.sent == [[0, 1]]


def test_a_look_for_what_is_not_there_is_one_statement_each_time(backend, database, task_id):
    for _ in range(3):
        with CaptureQueriesContext(connections[database]) as queries:
            assert backend.get_task_meta(task_id)["status"] == states.PENDING
        assert len(queries) == 1, queries.captured_queries


def test_a_worker_s_name_may_be_longer_than_its_column(backend, task_id):
    backend.mark_as_done(task_id, 1, protocol_2(task_id, hostname="w" * 300))
    meta = backend.get_task_meta(task_id)
    assert (meta["status"], meta["result"], len(meta["worker"])) == (states.SUCCESS, 1, 100)
