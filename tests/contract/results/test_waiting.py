"""Waiting as on Celery's Redis backend, on every database, and what it asks of one."""

import threading
import time

import pytest
from celery import states
from celery.exceptions import TimeoutError as CeleryTimeout
from django.db import DatabaseError, OperationalError, connections
from django.test.utils import CaptureQueriesContext
from django_celery_results.models import TaskResult

from djtaskq.db.anyof import AnyOf, batches
from djtaskq_results import store
from tests.contract.results.ageing import analyze
from tests.contract.results.conftest import protocol_2


@pytest.fixture
def thousand(app, backend, database):
    """A thousand results that are there; gives their ids."""
    backend.mark_as_done("model", 7, protocol_2("model"))
    model = TaskResult.objects.values().get(task_id="model")
    ids = [f"task-{number}" for number in range(1_000)]
    TaskResult.objects.bulk_create([TaskResult(**{**model, "id": None, "task_id": name}) for name in ids])
    return ids


def group_of(app, ids, name="group"):
    return app.GroupResult(name, [app.AsyncResult(task_id) for task_id in ids])


def test_a_ready_group_of_a_thousand_is_one_statement(app, thousand, database):
    group = group_of(app, thousand)
    with CaptureQueriesContext(connections[database]) as queries:
        assert group.get(timeout=5) == [7] * 1_000
        assert group.successful()
        assert group[0].result == 7
    assert len(queries) == 1


def test_groups_in_a_group_are_in_the_same_statement(app, thousand, database):
    inner = group_of(app, thousand[:400], "inner")
    deeper = app.GroupResult("middle", [inner, app.AsyncResult(thousand[400])])
    outer = app.GroupResult("outer", [app.AsyncResult(thousand[401]), deeper])
    with CaptureQueriesContext(connections[database]) as queries:
        assert outer.get(timeout=5) == [7, [[7] * 400, 7]]
    assert len(queries) == 1


def test_who_waits_for_a_group_in_a_group_keeps_to_the_time(app, backend):
    inner = app.GroupResult("inner", [app.AsyncResult("never")])
    outer = app.GroupResult("outer", [inner])
    with pytest.raises(CeleryTimeout):
        outer.get(timeout=0.05)


def test_any_number_of_texts_is_found_by_the_index(database, thousand):
    rows = TaskResult.objects.order_by().filter(AnyOf("task_id", [*thousand, "nobody's"]))
    assert rows.count() == 1_000
    assert not TaskResult.objects.filter(AnyOf("task_id", [])).exists()
    assert sum(len(part) for part in batches(set(thousand), using=database)) == 1_000
    if connections[database].vendor == "postgresql":
        analyze(database)  # what it believes of the table may be older than these rows
    assert "Seq Scan" not in TaskResult.objects.order_by().filter(AnyOf("task_id", thousand[:2])).explain()


def test_then_is_called_with_a_task_s_and_with_a_group_s_result(app, backend):
    called = []
    results = [app.AsyncResult("a"), app.AsyncResult("b")]
    group = app.GroupResult("g", results)
    results[0].then(lambda result: called.append(result.id))
    group.then(lambda result: called.append(result.id))
    for name in "ab":
        backend.mark_as_done(name, name)
    assert group.get(timeout=5) == ["a", "b"]
    assert called == ["a", "g"]


def test_on_message_hears_of_each_state_that_a_look_finds(app, backend, database):
    heard = []
    at_state = threading.Event()

    def hear(meta):
        heard.append((meta["status"], meta["result"]))
        at_state.set()

    def work():
        for state, result in (("PROGRESS", {"done": 1}), ("PROGRESS", {"done": 2}), (states.SUCCESS, 3)):
            backend.store_result("a", result, state)
            at_state.wait(10)
            at_state.clear()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    assert app.AsyncResult("a").get(timeout=10, on_message=hear) == 3
    thread.join()
    assert heard == [("PROGRESS", {"done": 1}), ("PROGRESS", {"done": 2}), ("SUCCESS", 3)]


def test_the_error_of_a_parent_comes_before_the_time_is_spent(app, backend):
    backend.mark_as_failure("parent", KeyError("the cause"))
    child = app.AsyncResult("child", parent=app.AsyncResult("parent"))
    with pytest.raises(KeyError, match="the cause"):
        child.get(timeout=30)


def test_an_outage_is_waited_through(app, backend, database, monkeypatch):
    backend.mark_as_done("a", 1)
    answers = iter([OperationalError("server closed the connection unexpectedly")] * 3)
    look = store.load_many

    def load_many(*args, **kwargs):
        for error in answers:
            raise error
        return look(*args, **kwargs)

    monkeypatch.setattr(store, "load_many", load_many)
    told = []
    assert app.AsyncResult("a").get(timeout=10, interval=0.01, on_interval=lambda: told.append(1)) == 1
    assert told


def test_an_outage_that_lasts_is_raised_and_other_errors_at_once(app, backend, settings, monkeypatch):
    settings.DJTASKQ = {"DATABASE_RETRY_SECONDS": 0.2}
    away = OperationalError("server closed the connection unexpectedly")
    for error, least, most in ((away, 0.2, 5), (DatabaseError("no such column"), 0, 0.2)):

        def load_many(*_args, error=error, **_kwargs):
            raise error

        monkeypatch.setattr(store, "load_many", load_many)
        began = time.monotonic()
        with pytest.raises(type(error)):
            app.AsyncResult("a").get(timeout=30)
        assert least <= time.monotonic() - began < most
    monkeypatch.setattr(store, "load_many", lambda *_args, **_kwargs: (_ for _ in ()).throw(away))
    with pytest.raises(CeleryTimeout):
        app.AsyncResult("a").get(timeout=0.05)
