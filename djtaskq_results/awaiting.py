"""Results in async code, Django's async views first of all.

    from djtaskq_results.awaiting import aget, agather

    total = await aget(add.delay(2, 3), timeout=5)
    left, right = await agather([add.delay(1, 2), add.delay(3, 4)], timeout=5)

The event loop runs on meanwhile. A thread is needed for the length of one look at the database, the one in
which Django runs all synchronous work of a request.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from asgiref.sync import sync_to_async

from djtaskq.errors import DjtaskqError
from djtaskq_results.collecting import CollectingBackend, leaves
from djtaskq_results.searching import Found, Search
from djtaskq_results.waiting import Wait


class ForeignResult(DjtaskqError):
    """A result kept by {backend} cannot be awaited: set Celery's result backend to "djtaskq"."""


async def aget(
    result: Any,
    timeout: float | None = None,  # noqa: ASYNC109  as `get()` has it
    *,
    propagate: bool = True,
    interval: float = 0.5,
    follow_parents: bool = True,
) -> Any:
    """What `result.get()` gives, of a task or of a group; raises what it raises.

    `timeout` in seconds, after which Celery's TimeoutError is raised. Without `propagate`, a failed task's
    exception is the value. `interval` is the longest pause between two looks, in seconds.
    """
    (value,) = await agather(
        [result], timeout, propagate=propagate, interval=interval, follow_parents=follow_parents
    )
    return value


async def agather(
    results: Iterable[Any],
    timeout: float | None = None,  # noqa: ASYNC109
    *,
    propagate: bool = True,
    interval: float = 0.5,
    follow_parents: bool = True,
) -> list[Any]:
    """The values of several results, in their order; one look asks for all that are missing.

    The first failure that arrives is raised at once, unless `propagate` is False.
    """
    gathered = list(results)
    unready = defaultdict(list)
    for leaf in (leaf for result in gathered for leaf in leaves(result)):
        if not (leaf.ignored or leaf._cache):  # noqa: SLF001  the contract between a result and its backend
            unready[leaf.id].append(leaf)
    if unready:
        parents = _Parents(gathered if follow_parents and propagate else (), interval)
        wait = Wait(timeout=timeout, interval=interval)
        await _settle(unready, wait, parents, propagate=propagate)
    return [_value(result, propagate=propagate) for result in gathered]


class _Parents:
    """The tasks before the awaited ones: if one of them failed, those will never run."""

    def __init__(self, results: Iterable[Any], interval: float) -> None:
        self._results = [result for result in results if getattr(result, "parent", None) is not None]
        self._interval = interval
        self._looked = float("-inf")

    def reraise(self, *, now: bool) -> None:
        """Raise a parent's error, if any; asks the database once an interval, or `now`."""
        if now or time.monotonic() - self._looked >= self._interval:
            self._looked = time.monotonic()
            for result in self._results:
                for parent in _ancestors(result):
                    parent.maybe_throw()


def _ancestors(result: Any) -> list[Any]:
    """The parents of a result, the first task of the chain first."""
    found: list[Any] = []
    while (result := result.parent) is not None:
        found.insert(0, result)
    return found


async def _settle(unready: dict[str, list[Any]], wait: Wait, parents: _Parents, *, propagate: bool) -> None:
    """Return when all of these have their values."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended meanwhile, and with it who waited
            loop.call_soon_threadsafe(woken.set)

    with Search(_backend(unready), unready, wake=wake) as search:
        look = sync_to_async(_looking(search, parents))
        while True:
            for task_id, meta in await look():
                for leaf in unready[task_id]:
                    leaf._maybe_set_cache(meta)  # noqa: SLF001
                    if propagate:
                        leaf.maybe_throw()
            if not search.missing:
                return
            await _pause(wait, woken, listening=search.is_told)


def _looking(search: Search, parents: _Parents) -> Callable[[], Found]:
    def look() -> Found:
        found = search.look()
        if search.missing:
            search.listen()
        search.patiently(lambda: parents.reraise(now=bool(found)))
        return found

    return look


async def _pause(wait: Wait, woken: asyncio.Event, *, listening: bool) -> None:
    for nap in wait.naps(listening=listening):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(nap):
                await woken.wait()
        if woken.is_set():
            woken.clear()
            return


def _backend(unready: dict[str, list[Any]]) -> CollectingBackend:
    backends = {id(leaf.backend): leaf.backend for found in unready.values() for leaf in found}
    for backend in backends.values():
        if not isinstance(backend, CollectingBackend):
            raise ForeignResult(backend=type(backend).__module__)
    return next(iter(backends.values()))  # type: ignore[no-any-return]


def _value(result: Any, *, propagate: bool) -> Any:
    if hasattr(result, "_cache"):
        return result.get(propagate=propagate, follow_parents=False, disable_sync_subtasks=False)
    return result.get(propagate=propagate, disable_sync_subtasks=False)
