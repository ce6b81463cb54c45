"""Push: who waits is told, over one connection of the process; on PostgreSQL alone."""

import os
import threading
import time

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django_celery_results.models import TaskResult

from djtaskq.db import listening as db_listening
from djtaskq.db.announcing import SPACE, IsAwaited, announce
from djtaskq.db.aside import SUFFIX
from djtaskq.db.listening import NothingIsHeard, Session
from djtaskq_results import listening
from djtaskq_results.listening import subscribe
from djtaskq_results.waiting import LISTENING
from tests.router import routed_to
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("postgresql")]

ALIAS = "default"
HELD = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


@pytest.fixture
def postgresql(transactional_db):
    with routed_to(ALIAS):
        yield
    nobody_listens()


def nobody_listens():
    """End the listener of this test, so that the next one begins with none."""
    for listener in listening._listeners.values():
        eventually(lambda listener=listener: not listener._running)
    listening._listeners.clear()


@pytest.fixture
def backend(app, postgresql):
    yield app.backend
    for alias in connections:
        if hasattr(connections._connections, alias + SUFFIX):
            connections[alias + SUFFIX].close()


@pytest.fixture(autouse=True)
def idle_for_a_moment(monkeypatch):
    monkeypatch.setattr(listening, "IDLE", 0.2)


def sql(statement, *params):
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


class Ear:
    def __init__(self, *task_ids):
        self.woken = threading.Event()
        self.subscription = subscribe(task_ids, self.woken.set, using=ALIAS)
        eventually(lambda: self.subscription.armed)
        self.woken.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.subscription.close()


def test_who_waits_for_a_task_hears_of_that_task_alone():
    with Ear("a", "b") as ear, Ear("c") as other:
        announce("b", using=ALIAS)
        assert ear.woken.wait(5)
        assert ear.subscription.take() == {"b"}
        assert ear.subscription.take() == set()
        assert not other.woken.is_set()


def is_awaited(task_id):
    TaskResult.objects.get_or_create(task_id=task_id)
    return TaskResult.objects.values_list(IsAwaited("task_id"), flat=True).get(task_id=task_id)


def test_a_writer_finds_out_whether_somebody_waits():
    assert not is_awaited("task-1")
    with Ear("task-1"):
        assert is_awaited("task-1")
        assert not is_awaited("task-2")
        with Ear("task-1"):
            pass
        assert is_awaited("task-1")
    eventually(lambda: not is_awaited("task-1"))
    assert sql(HELD) == [(0,)]


def test_who_waits_for_many_holds_one_lock():
    task_ids = [f"task-{number}" for number in range(1_000)]
    with Ear("task-1") as first:
        with Ear(*task_ids) as ear:
            assert sql(HELD) == [(1,)]
            assert is_awaited("anybody's")
            for waiting in (first, ear):
                waiting.woken.clear()
            announce("task-1", using=ALIAS)
            assert first.woken.wait(5)
            assert ear.woken.wait(5)
        eventually(lambda: not is_awaited("anybody's"))
        assert is_awaited("task-1")


def test_python_and_sql_agree_about_the_bucket():
    task_ids = ["", "x", "xy", "5f1c0d9e-a", "日本語", "é", "💥"]
    for task_id in task_ids:
        with Ear(task_id):
            assert is_awaited(task_id), task_id


def pids():
    """The server's processes of our listening connections."""
    return {
        pid
        for (pid,) in sql(
            "SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND classid = %s AND datname = current_database()",
            SPACE,
        )
    }


def getting(app, task_id, **options):
    """Start a thread that gets a result; gives the thread, and where the result and the time will be."""
    got = {}

    def work():
        got["value"] = app.AsyncResult(task_id).get(**{"timeout": 20, **options})
        got["at"] = time.monotonic()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread, got


def settled(app, *task_ids):
    """Wait until the threads that get these results are past their looks in quick succession."""
    eventually(lambda: all(is_awaited(task_id) for task_id in task_ids))
    listener = listening._listeners[ALIAS]
    eventually(lambda: all(subscription.armed for subscription in list(listener._subscriptions)))


def test_get_returns_when_the_result_is_announced(app, backend):
    thread, got = getting(app, "task-1")
    settled(app, "task-1")
    time.sleep(1)  # by now who was not told would look each half second at best
    stored = time.monotonic()
    backend.mark_as_done("task-1", "late")
    thread.join()
    assert got["value"] == "late"
    assert got["at"] - stored < 0.1


def test_who_does_not_wait_is_not_told(backend):
    def told(work, *args):
        with CaptureQueriesContext(connections[ALIAS]) as queries:
            work(*args)
        return sum("pg_notify" in query["sql"] for query in queries)

    assert told(backend.mark_as_done, "task-1", 1) == 0
    with Ear("task-2"):
        assert told(backend.store_result, "task-2", {}, "STARTED") == 0
        assert told(backend.mark_as_done, "task-2", 1) == 1
        assert told(backend.mark_as_done, "task-2", 1) == 0, "it changed nothing"
        assert told(backend.mark_as_done, "task-3", 1) == 0


def test_push_can_be_turned_off(app, backend, settings):
    settings.DJTASKQ = {"RESULTS_PUSH": False}
    assert subscribe(["task-1"], print, using=ALIAS) is None
    with CaptureQueriesContext(connections[ALIAS]) as queries:
        backend.mark_as_done("task-1", 1)
    assert not any("advisory" in query["sql"] for query in queries)
    assert app.AsyncResult("task-1").get(timeout=5) == 1


def test_within_django_s_testcase_nobody_listens(app, backend):
    """Its transaction ends in nothing: nobody else sees what the test stores."""
    with transaction.atomic():
        connections[ALIAS].atomic_blocks[0]._from_testcase = True
        assert subscribe(["task-1"], print, using=ALIAS) is None
        backend.mark_as_done("task-1", 1)
        assert app.AsyncResult("task-1").get(timeout=5) == 1


def test_a_result_is_not_announced_before_it_is_committed(backend):
    heard = []
    with Ear("task-1") as ear, transaction.atomic():
        announce("task-1", using=ALIAS)
        backend.mark_as_done("task-1", 1)
        assert ear.woken.wait(5)
        heard += ear.subscription.take()
        assert TaskResult.objects.using(ALIAS + SUFFIX).filter(status="SUCCESS").exists()
    assert heard == ["task-1"]


def test_who_is_cut_off_looks_for_himself_until_he_hears_again():
    with Ear("task-1") as ear:
        (before,) = pids()
        sql("SELECT pg_terminate_backend(%s)", before)
        assert ear.woken.wait(5)
        eventually(lambda: pids() - {before})
        eventually(lambda: ear.subscription.armed)
        ear.woken.clear()
        announce("task-1", using=ALIAS)
        assert ear.woken.wait(5)


def test_a_connection_that_is_cut_costs_little(app, backend):
    thread, got = getting(app, "task-1")
    settled(app, "task-1")
    (before,) = pids()
    sql("SELECT pg_terminate_backend(%s)", before)
    eventually(lambda: pids() - {before})  # there is a new one
    settled(app, "task-1")
    thread_2, got_2 = getting(app, "task-2")
    for listener in listening._listeners.values():
        listener._tell = lambda _task_id: None  # and what it hears gets lost
    settled(app, "task-2")
    stored = time.monotonic()
    for task_id in ("task-1", "task-2"):
        backend.mark_as_done(task_id, 1)
    for waiting, result in ((thread, got), (thread_2, got_2)):
        waiting.join()
        assert result["at"] - stored < LISTENING.longest + 0.5


def test_fifty_threads_wait_over_one_connection(app, backend):
    task_ids = [f"task-{number}" for number in range(50)]
    threads_before, connections_before = threading.active_count(), sql(CONNECTIONS)
    threads = [getting(app, task_id)[0] for task_id in task_ids]
    settled(app, *task_ids)
    assert len(pids()) == 1
    for task_id in task_ids:
        backend.mark_as_done(task_id, 1)
    for thread in threads:
        thread.join()
    eventually(lambda: not pids())
    eventually(lambda: threading.active_count() == threads_before)
    eventually(lambda: sql(CONNECTIONS) <= connections_before)


def test_a_forked_child_leaves_the_connection_to_its_parent_and_opens_its_own(app, backend):
    with Ear("task-1") as ear:
        (parents,) = pids()
        connections.close_all()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with Ear("task-1"):
                    os.write(write, b"own" if len(pids()) == 2 else b"not")
            finally:
                os._exit(0)
        assert os.read(read, 3) == b"own"
        os.waitpid(child, 0)
        eventually(lambda: pids() == {parents})
        ear.woken.clear()
        announce("task-1", using=ALIAS)
        assert ear.woken.wait(5)


def test_a_session_that_hears_nothing_is_not_used(pgbouncer, monkeypatch, app, backend):
    """Behind a pooler in transaction mode a LISTEN stays with a server that somebody else gets next."""
    connections[ALIAS].close()
    through = {"HOST": "127.0.0.1", "PORT": pgbouncer.port, "DISABLE_SERVER_SIDE_CURSORS": True}
    for key, value in through.items():
        monkeypatch.setitem(connections.settings[ALIAS], key, value)
    monkeypatch.setattr(db_listening, "ECHO_SECONDS", 0.2)
    with pytest.raises(NothingIsHeard):
        Session(ALIAS)
    thread, got = getting(app, "task-1")
    eventually(lambda: ALIAS in listening._listeners and listening._listeners[ALIAS]._deaf_until)
    backend.mark_as_done("task-1", 1)
    thread.join()
    assert got["value"] == 1
    assert not pids()
    connections[ALIAS].close()
