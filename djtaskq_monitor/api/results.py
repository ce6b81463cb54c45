"""Results, from whatever backend the project has."""

import contextlib
from collections.abc import Iterator
from typing import Any

from celery import current_app, states
from celery.backends.base import DisabledBackend
from celery.contrib.abortable import AbortableAsyncResult
from celery.exceptions import BackendError
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult
from django.db import DatabaseError, InterfaceError
from kombu.exceptions import KombuError, OperationalError

from djtaskq.admin import audit
from djtaskq.redactor import redactor
from djtaskq_monitor.api.endpoints import AWAY, Call, endpoint
from djtaskq_monitor.api.errors import unavailable
from djtaskq_monitor.api.tasks import VIEW
from djtaskq_monitor.control.commands import REVOKE
from djtaskq_monitor.models import TaskState

# A request that waits keeps one of the web server's threads.
LONGEST_WAIT = 60.0
LOST = (BackendError, OSError, KombuError, OperationalError, DatabaseError, InterfaceError)


@endpoint("GET", VIEW)
def result(call: Call, task_id: str) -> dict[str, Any]:
    """`task-id` and `state`, and `result` (with `traceback`) if there is one; waits `timeout` seconds."""
    timeout = call.given.number("timeout")
    found: Any = AsyncResult(task_id, app=current_app)
    with reading(found):
        answer = {"task-id": found.id, "state": found.state}
        if timeout or answer["state"] in states.READY_STATES:
            waited_for(found, answer, timeout or 0)
    return answer


@endpoint("POST", REVOKE)
def abort(call: Call, task_id: str) -> dict[str, str]:
    """Ask a task that looks whether it is aborted to end."""
    found: Any = AbortableAsyncResult(task_id, app=current_app)
    row = TaskState.objects.filter(task_id=task_id).only("pk", "task_id", "name", "state").first()
    with reading(found):
        text = f"Abort {task_id} ({call.caller.signature})"
        written = audit.write(call.request, [row] if row else [], text, model=TaskState)
        found.abort()
        written.complete("done")
    return {"message": f"Aborted '{task_id}'"}


def waited_for(found: Any, answer: dict[str, Any], timeout: float | None) -> None:
    """Fill in what came of a task, if that comes within `timeout` seconds; `LONGEST_WAIT` for None."""
    wait = LONGEST_WAIT if timeout is None else max(0.001, min(timeout, LONGEST_WAIT))
    try:
        found.get(timeout=wait, propagate=False)
    except CeleryTimeoutError:
        answer["state"] = found.state
        return
    answer |= {"state": found.state, "result": redactor().value(_shown(found.result))}
    if answer["state"] == states.FAILURE:
        answer["traceback"] = None if found.traceback is None else redactor().text(str(found.traceback))


def has_backend(found: Any) -> bool:
    return not isinstance(found.backend, DisabledBackend)


@contextlib.contextmanager
def reading(found: Any) -> Iterator[None]:
    """Raises an `ApiError` where there is no backend, or it is away."""
    if not has_backend(found):
        raise unavailable("There is no result backend.")
    lost = (*LOST, *(getattr(found.backend, "connection_errors", None) or ()))
    try:
        yield
    except lost as error:
        raise unavailable(f"{AWAY}: {type(error).__name__}") from error


def _shown(value: Any) -> Any:
    return repr(value) if isinstance(value, BaseException) else value
