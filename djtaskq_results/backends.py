"""The result backend: Celery's interface on one side, `store` and `chords` on the other."""

import functools
from typing import Any

from celery import states
from celery.result import result_from_tuple
from django.utils import timezone

from djtaskq.db import aside, retry
from djtaskq_results import details, oversize, retention, rows, store
from djtaskq_results.announcing import announce
from djtaskq_results.chording import ChordBackend
from djtaskq_results.collecting import CollectingBackend
from djtaskq_results.decoding import Meta
from djtaskq_results.states import gate


class DatabaseBackend(CollectingBackend, ChordBackend):
    """Celery results in django-celery-results' tables.

    Each state is one guarded statement, outside of whatever transaction the task has open, and tried again
    while the database is away. A group is read in one statement however large it is.
    """

    supports_failure_expires = True
    persistent = True

    # The task that this process wrote about last: its row is most likely there.
    _last_stored: str | None = None

    @functools.cached_property
    def _extended(self) -> bool:
        return bool(self.app.conf.result_extended)

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
        now = timezone.now()
        row = rows.task_row(
            task_id,
            result,
            state,
            traceback,
            request=request,
            children=self.current_task_children(request),
            now=now,
            extended=self._extended,
            pack=self.pack,
        )
        if too_large := oversize.refused(row):
            error = self.prepare_exception(too_large)
            return self._store_result(task_id, error, states.FAILURE, request=request)
        redelivered = rows.redelivered(request)
        known = row["task_id"] == self._last_stored or redelivered or rows.retried(request)
        detail = None
        if request is not None and details.wanted():
            queues = self.app.amqp.queues
            detail = details.detail_row(row["task_id"], row["status"], request, queues=queues, now=now)
        lets, part = gate(row["status"], redelivered=redelivered), self.part_to_count(request, state)
        if part is None:
            awaited = store.save(row, lets, detail=detail, known=known)
        else:
            awaited, self._counted = store.save_part(row, lets, part, detail=detail, known=known)
        if awaited:
            announce(row["task_id"])
        self._last_stored = row["task_id"]
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
        retention.expire(retention.policy(self.app.conf, self.expires))

    def process_cleanup(self) -> None:
        """Celery calls this after each task, as `request_finished` comes after each request."""
        aside.close_obsolete()

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

    # Celery's own loop around each of these, for those who turned it on.

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        return retry.cause(exc) is not None
