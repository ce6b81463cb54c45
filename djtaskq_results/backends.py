"""The result backend: Celery's interface on one side, `store` and `chords` on the other."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from celery import states
from celery.result import result_from_tuple
from django.utils import timezone

from djtaskq.db import aside, retry
from djtaskq_results import retention, rows, store
from djtaskq_results.chording import ChordBackend
from djtaskq_results.decoding import Meta
from djtaskq_results.states import gate
from djtaskq_results.waiting import Wait


class DatabaseBackend(ChordBackend):
    """Celery results in django-celery-results' tables.

    Each state is one guarded statement, outside of whatever transaction the task has open, and tried again
    while the database is away. A group is read in one statement however large it is.
    """

    supports_native_join = True
    supports_failure_expires = True
    persistent = True

    def as_uri(self, include_password: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002  Celery's signature
        """What a worker's banner says of its results: there is no address, and nothing to hide."""
        return "djtaskq"

    def _store_result(
        self,
        task_id: Any,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **_options: Any,
    ) -> Any:
        row = rows.task_row(
            task_id,
            result,
            state,
            traceback,
            request=request,
            children=self.current_task_children(request),
            now=timezone.now(),
            extended=bool(self.app.conf.find_value_for_key("extended", "result")),
            pack=self.pack,
        )
        store.save(row, gate(row["status"], redelivered=rows.redelivered(request)))
        if state in self.READY_STATES:
            self._last_ready = row["task_id"]
        return result

    def _forget(self, task_id: Any) -> None:
        store.forget(task_id)

    def _save_group(self, group_id: Any, result: Any) -> Any:
        content = self.pack(result.as_tuple())
        store.save_group(
            {
                "group_id": rows.task_key(group_id),
                "content_type": content.type,
                "content_encoding": content.encoding,
                "result": content.text,
            }
        )
        return result

    def _delete_group(self, group_id: Any) -> None:
        store.delete_group(group_id)

    def cleanup(self) -> None:
        """Delete what has expired, and finish the chords whose finisher died.

        The task `celery.backend_cleanup`, which beat sends each night, calls this.
        """
        self.finish_due_chords()
        age, failures, chords = map(
            self._age, ("result_expires", "result_failure_expires", "result_chord_expires")
        )
        retention.expire_tasks(age, failures=age if failures is None else failures)
        retention.expire_groups(age)
        retention.expire_chords(age if chords is None else chords)

    def process_cleanup(self) -> None:
        """Celery calls this after each task, as `request_finished` comes after each request."""
        aside.close_obsolete()

    def _age(self, setting: str) -> dt.timedelta | None:
        """How long something is kept, for ever if zero; None where nothing is set."""
        value = self.expires if setting == "result_expires" else self.app.conf.get(setting)
        if value is None:
            return None
        return value if isinstance(value, dt.timedelta) else dt.timedelta(seconds=float(value))

    def _get_task_meta_for(self, task_id: Any, *, seconds: float | None = None) -> Meta:
        row = store.load(task_id, seconds=seconds)
        if row is None:
            return {"task_id": task_id, "status": states.PENDING, "result": None}
        return self._meta(row)

    def task_result_exists(self, task_id: Any) -> bool:
        return store.exists(task_id)

    def _restore_group(self, group_id: Any) -> Meta | None:
        row = store.load_group(group_id)
        if row is None:
            return None
        members = self._value(row, row["result"])
        return {
            "group_id": row["group_id"],
            "date_done": row["date_done"],
            "result": result_from_tuple(members, app=self.app) if members else None,
        }

    def wait_for(
        self,
        task_id: Any,
        timeout: float | None = None,
        interval: float | None = 0.5,
        no_ack: bool = True,  # noqa: ARG002, FBT001, FBT002
        on_interval: Callable[[], Any] | None = None,
        on_message: Callable[[Meta], Any] | None = None,
    ) -> Meta:
        """The task's meta once it is ready; raises Celery's TimeoutError."""
        self._ensure_not_eager()
        wait = Wait(timeout=timeout, interval=interval, on_interval=on_interval)
        while True:
            meta = self.get_task_meta(task_id)
            if meta["status"] in self.READY_STATES:
                # A parent that failed is looked at here: its exception comes before what it caused.
                wait.tell()
                if on_message is not None:
                    on_message(meta)
                return meta
            wait.pause()

    def wait_for_pending(  # noqa: PLR0913, PLR0917  Celery's signature
        self,
        result: Any,
        timeout: float | None = None,
        interval: float | None = 0.5,
        no_ack: bool = True,  # noqa: FBT001, FBT002
        on_message: Callable[[Meta], Any] | None = None,
        on_interval: Callable[[], Any] | None = None,
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
        on_message: Callable[[Meta], Any] | None = None,
        on_interval: Callable[[], Any] | None = None,
        max_iterations: int | None = None,
        READY_STATES: frozenset[str] = states.READY_STATES,  # noqa: N803
    ) -> Iterator[tuple[str, Meta]]:
        """Yield `(task id, meta)` of each of these tasks as it becomes ready.

        Each look is one statement for all that are missing. Stops after `max_iterations` looks if given;
        raises Celery's TimeoutError when the time is spent.
        """
        missing = {rows.task_key(task_id) for task_id in task_ids}
        wait = Wait(timeout=timeout, interval=interval, on_interval=on_interval)
        looks = 0
        while missing:
            for task_id, meta in self._look(missing, READY_STATES):
                missing.discard(task_id)
                if on_message is not None:
                    on_message(meta)
                yield task_id, meta
            looks += 1
            if not missing or (max_iterations and looks >= max_iterations):
                return
            wait.pause()

    def _look(self, task_ids: set[str], ready: frozenset[str]) -> Iterator[tuple[str, Meta]]:
        cached = {
            task_id: self._cache[task_id]
            for task_id in task_ids
            if task_id in self._cache and self._cache[task_id]["status"] in ready
        }
        yield from cached.items()
        for row in store.load_many(task_ids - cached.keys(), ready):
            meta = self._meta(row)
            self._cache[row["task_id"]] = meta
            yield row["task_id"], meta

    # Celery's own loop around each of these, for those who turned it on.

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        return retry.cause(exc) is not None
