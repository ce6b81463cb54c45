"""The part of the backend that waits for results: one look for all that are missing."""

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import Any

from celery import states

from djtaskq_results.decoding import DecodingBackend, Meta
from djtaskq_results.searching import OnMessage, Search
from djtaskq_results.waiting import LOOKING, Wait

OnInterval = Callable[[], Any]


class CollectingBackend(DecodingBackend):
    """The part of the backend that `get()`, `join()` and `iter_native()` meet."""

    supports_native_join = True

    @property
    def is_async(self) -> bool:
        """A group's `then()` is called once its members are there, as for Redis."""
        return True

    def wait_for(
        self,
        task_id: Any,
        timeout: float | None = None,
        interval: float | None = 0.5,
        no_ack: bool = True,  # noqa: ARG002, FBT001, FBT002  Celery's signature
        on_interval: OnInterval | None = None,
        on_message: OnMessage | None = None,
    ) -> Meta:
        """The task's meta once it is ready; raises Celery's TimeoutError."""
        self._ensure_not_eager()
        woken = threading.Event()
        with Search(self, [task_id], wake=woken.set, on_message=on_message) as search:
            # Celery looks there whether a parent failed, which asks the database too.
            patient = on_interval and functools.partial(search.patiently, on_interval)
            wait = Wait(timeout=timeout, interval=interval, on_interval=patient, sleep=woken.wait)
            _, meta = next(_arrivals(search, wait, woken))
        if on_interval is not None:
            on_interval()  # the exception of a parent comes before what it caused
        if on_message is not None:
            on_message(meta)
        return meta

    def wait_for_pending(  # noqa: PLR0913, PLR0917  Celery's signature
        self,
        result: Any,
        timeout: float | None = None,
        interval: float | None = 0.5,
        no_ack: bool = True,  # noqa: FBT001, FBT002
        on_message: OnMessage | None = None,
        on_interval: OnInterval | None = None,
        callback: Callable[[Any], Any] | None = None,
        propagate: bool = True,  # noqa: FBT001, FBT002
    ) -> Any:
        meta = self.wait_for(result.id, timeout, interval, no_ack, on_interval, on_message)
        result._maybe_set_cache(meta)  # noqa: SLF001  the contract between a result and its backend
        return result.maybe_throw(propagate=propagate, callback=callback)

    def get_many(  # noqa: PLR0913, PLR0917  Celery's signature
        self,
        task_ids: Any,
        timeout: float | None = None,
        interval: float | None = 0.5,
        no_ack: bool = True,  # noqa: ARG002, FBT001, FBT002
        on_message: OnMessage | None = None,
        on_interval: OnInterval | None = None,
        max_iterations: int | None = None,
        READY_STATES: Collection[str] = states.READY_STATES,  # noqa: N803
    ) -> Iterator[tuple[str, Meta]]:
        """Yield `(task id, meta)` of each of these tasks as it becomes ready.

        Each look is one statement for all that are missing. Stops after `max_iterations` looks if given;
        raises Celery's TimeoutError when the time is spent.
        """
        woken = threading.Event()
        wait = Wait(timeout=timeout, interval=interval, on_interval=on_interval, sleep=woken.wait)
        with Search(self, task_ids, wake=woken.set, ready=READY_STATES, on_message=on_message) as search:
            for task_id, meta in _arrivals(search, wait, woken, max_iterations):
                if on_message is not None:
                    on_message(meta)
                yield task_id, meta

    def iter_native(  # type: ignore[override]  # the stubs have a generator return None
        self,
        result: Any,
        timeout: float | None = None,
        interval: float | None = 0.5,
        no_ack: bool = True,  # noqa: FBT001, FBT002
        on_message: OnMessage | None = None,
        on_interval: OnInterval | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """Yield each member of a group with its meta as it becomes ready, and a group in it with its members.

        The tasks in all of the groups are asked for together, and have their values when they are yielded.
        """
        self._ensure_not_eager()
        members = list(result.results or ())
        unready = [{leaf.id: leaf for leaf in leaves(member) if not leaf._cache} for member in members]  # noqa: SLF001
        yield from (_entry(member) for member, open_ in zip(members, unready, strict=True) if not open_)
        places = defaultdict(list)
        for place, open_ in enumerate(unready):
            for task_id in open_:
                places[task_id].append(place)
        if not places:
            return
        for task_id, meta in self.get_many(places, timeout, interval, no_ack, on_message, on_interval):
            for place in places[task_id]:
                unready[place].pop(task_id)._maybe_set_cache(meta)  # noqa: SLF001
                if not unready[place]:
                    yield _entry(members[place])


def leaves(result: Any) -> Iterator[Any]:
    """The results of tasks in a result: itself, or those of a group and of the groups in it."""
    if hasattr(result, "_cache"):
        yield result
    else:
        for member in result.results:
            yield from leaves(member)


def _entry(member: Any) -> tuple[str, Any]:
    return (member.id, member._cache) if hasattr(member, "_cache") else (member.id, member.results)  # noqa: SLF001


def _arrivals(
    search: Search, wait: Wait, woken: threading.Event, most_looks: int | None = None
) -> Iterator[tuple[str, Meta]]:
    looks = 0
    while True:
        yield from search.look()
        looks += 1
        if not search.missing or (most_looks and looks >= most_looks):
            return
        search.listen()
        if wait.pause(listening=search.is_told):
            if len(search.missing) > 1:
                time.sleep(LOOKING.first)  # what arrives together is asked for together
            woken.clear()
