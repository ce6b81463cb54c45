"""Looking for the tasks that are missing: which of them to ask for, and how to hear of them meanwhile."""

import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from celery.states import READY_STATES
from django.db import DatabaseError, InterfaceError, router
from django_celery_results.models import TaskResult

from djtaskq.conf import conf
from djtaskq.db import retry
from djtaskq_results import listening, rows, store
from djtaskq_results.decoding import Meta
from djtaskq_results.waiting import LISTENING

if TYPE_CHECKING:
    from djtaskq_results.collecting import CollectingBackend

ResultT = TypeVar("ResultT")
OnMessage = Callable[[Meta], Any]
Found = list[tuple[str, Meta]]

# Long enough to replace a connection that died, and not so long that nobody watches the time meanwhile.
LOOK_SECONDS = 0.5


class Search:
    """Tasks of which some are `missing`; a context manager, since it may hold a subscription.

    A task is found when its state is one of `ready`. With `on_message`, each other state that a look happens
    upon is passed on. `wake` is called, from another thread, when a look would find something new.
    """

    def __init__(
        self,
        backend: "CollectingBackend",
        task_ids: Iterable[Any],
        *,
        wake: Callable[[], object],
        ready: Collection[str] = READY_STATES,
        on_message: OnMessage | None = None,
    ) -> None:
        self.missing = {rows.task_key(task_id) for task_id in task_ids}
        self._backend = backend
        self._ready = frozenset(ready)
        self._wake = wake
        self._on_message = on_message
        self._passed_on: dict[str, Any] = {}
        self._subscription: listening.Subscription | None = None
        self._closed = False
        self._tried_to_listen = False
        self._asked_for_all = 0.0
        self._failing_since: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closed = True
        if self._subscription is not None:
            self._subscription.close()

    @property
    def is_told(self) -> bool:
        """Whether all that the search is for would be announced to it."""
        return self._on_message is None and self._subscription is not None and self._subscription.armed

    def look(self) -> Found:
        """What became ready since the last look; empty while the database is away.

        Raises the database's error when it has been away for `DJTASKQ["DATABASE_RETRY_SECONDS"]`.
        """
        found = self.patiently(lambda: self._found(self._to_ask()))
        if found is None:
            return []
        self._failing_since = None
        return found

    def patiently(self, work: Callable[[], ResultT]) -> ResultT | None:
        """What `work()` returns, or None while the database is away, for as long as `look` bears that."""
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if retry.cause(error) is None or now - self._failing_since > conf().DATABASE_RETRY_SECONDS:
                raise
            return None

    def listen(self) -> None:
        """From now on, hear of what is missing, where the database can tell."""
        if not self._tried_to_listen:
            self._tried_to_listen = True
            alias = router.db_for_write(TaskResult)
            self._subscription = listening.subscribe(self.missing, self._wake, using=alias)
        if self._closed:  # by another thread meanwhile
            self.__exit__()

    def _to_ask(self) -> set[str]:
        """What was announced, or all that is missing: at first, after a pause, and now and then."""
        heard = self.missing & self._subscription.take() if self._subscription is not None else set()
        now = time.monotonic()
        if heard and now - self._asked_for_all < LISTENING.longest:
            return heard
        self._asked_for_all = now
        return set(self.missing)

    def _found(self, task_ids: set[str]) -> Found:
        cache = self._backend._cache  # noqa: SLF001  the search is a part of the backend
        metas = {task_id: cache[task_id] for task_id in task_ids if task_id in cache}
        found = {task_id: meta for task_id, meta in metas.items() if meta["status"] in self._ready}
        wanted = self._ready if self._on_message is None else None
        missing = task_ids - found.keys()
        for row in store.load_many(missing, wanted, seconds=LOOK_SECONDS) if missing else ():
            meta = self._backend._meta(row)
            if row["status"] in self._ready:
                cache[row["task_id"]] = found[row["task_id"]] = meta
            else:
                self._pass_on(row["task_id"], meta)
        self.missing -= found.keys()
        return list(found.items())

    def _pass_on(self, task_id: str, meta: Meta) -> None:
        version = meta["status"], meta["date_done"]
        if self._on_message is not None and self._passed_on.get(task_id) != version:
            self._passed_on[task_id] = version
            self._on_message(meta)
