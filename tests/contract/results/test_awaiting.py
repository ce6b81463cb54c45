"""`await aget(result)`: on every database, without holding up the event loop."""

import asyncio
import threading
import time

import pytest
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from celery import states
from celery.exceptions import TimeoutError as CeleryTimeout
from celery.result import EagerResult
from django.db import connections
from django.test.utils import CaptureQueriesContext

from djtaskq_results.awaiting import ForeignResult, agather, aget


def run(coroutine):
    """As Django's ASGI handler runs a view: with a thread of its own for what is synchronous."""

    async def request():
        async with ThreadSensitiveContext():
            try:
                return await coroutine
            finally:
                await sync_to_async(connections.close_all)()

    return asyncio.run(request())


@pytest.fixture
def later(backend):
    """Return a function that stores values a while later, from another thread."""
    threads = []

    def store(seconds, *values):
        def work():
            for task_id, value in values:
                time.sleep(seconds)
                backend.mark_as_done(task_id, value)
            connections.close_all()

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield store
    for thread in threads:
        thread.join()


def test_a_result_is_awaited_while_the_loop_runs_on(app, later):
    async def view():
        turns = 0

        async def others():
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        task = asyncio.create_task(others())
        value = await aget(app.AsyncResult("a"), timeout=10)
        task.cancel()
        return value, turns

    later(0.3, ("a", 1))
    value, turns = run(view())
    assert value == 1
    assert turns > 5


def test_many_are_awaited_together_and_kept_in_order(app, later, database):
    group = app.GroupResult("group", [app.AsyncResult("b"), app.AsyncResult("c")])
    later(0.02, ("c", 3), ("a", 1), ("b", 2))
    results = [app.AsyncResult("a"), group, EagerResult("e", 4, states.SUCCESS)]
    assert run(agather(results, timeout=10)) == [1, [2, 3], 4]
    assert run(aget(app.GroupResult("g", []))) == []


def test_failures_are_raised_or_given(app, backend):
    backend.mark_as_failure("bad", KeyError("x"))
    with pytest.raises(KeyError):
        run(aget(app.AsyncResult("bad"), timeout=5))
    assert isinstance(run(aget(app.AsyncResult("bad"), timeout=5, propagate=False)), KeyError)
    with pytest.raises(KeyError):  # at once, though the other one never comes
        run(agather([app.AsyncResult("never"), app.AsyncResult("bad")], timeout=60))
    child = app.AsyncResult("never", parent=app.AsyncResult("bad"))
    with pytest.raises(KeyError):
        run(aget(child, timeout=60))


def test_the_time_is_kept_and_a_wait_may_be_cancelled(app, backend):
    with pytest.raises(CeleryTimeout):
        run(aget(app.AsyncResult("never"), timeout=0.1))
    with pytest.raises(TimeoutError):
        run(asyncio.wait_for(aget(app.AsyncResult("never")), 0.1))


def test_what_is_there_takes_one_look(app, backend, database):
    for name in "abc":
        backend.mark_as_done(name, name)

    async def in_this_thread():
        return await agather([app.AsyncResult(name) for name in "abc"], timeout=0)

    with CaptureQueriesContext(connections[database]) as queries:
        assert async_to_sync(in_this_thread)() == ["a", "b", "c"]
    assert len(queries) == 1


def test_an_ignored_result_is_none(app, backend):
    result = app.AsyncResult("ignored")
    result.ignored = True
    assert run(aget(result, timeout=1)) is None


def test_another_backend_s_result_says_what_to_do(make_app, database):
    result = make_app(result_backend="cache+memory://").AsyncResult("x")
    with pytest.raises(ForeignResult, match='result backend to "djtaskq"'):
        run(aget(result))
