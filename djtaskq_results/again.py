"""Sending a task again: with the arguments that are stored, or with those that a person typed."""

import uuid
from typing import Any

from celery import Celery
from django.db import router
from django_celery_results.models import TaskResult

from djtaskq import calling
from djtaskq.arguments import Arguments
from djtaskq.calling import NotSent
from djtaskq.db.clock import now
from djtaskq_results.models import ID_LENGTH, Rerun, TaskDetail
from djtaskq_results.plain import JSON
from djtaskq_results.queries import detail_of
from djtaskq_results.rows import task_key


class NotStored(NotSent):
    """The name or the real arguments of task {task_id} are not stored: run it again from its page."""


def stored_arguments(row: Any, detail: TaskDetail | None) -> Arguments | None:
    """A task's real arguments, or None where only the text is stored that messages carry for people.

    That text is never evaluated: it may be cut, and it is what somebody else wrote.
    """
    if detail is not None and detail.args is not None and detail.kwargs is not None:
        return _checked(detail.args, detail.kwargs)
    if row.content_type == JSON and row.task_args and row.task_kwargs:
        return _checked(row.task_args, row.task_kwargs)
    return None


def arguments_of(task_id: str) -> Arguments | None:
    """The real arguments of a task, as far as they are stored with its result; at most two statements."""
    row = TaskResult.objects.filter(task_id=task_key(task_id))
    known = row.only("pk", "task_id", "content_type", "task_args", "task_kwargs").first()
    return None if known is None else stored_arguments(known, detail_of(known.task_id))


def _checked(args: str, kwargs: str) -> Arguments | None:
    found = Arguments(args, kwargs)
    try:
        found.loaded()
    except (ValueError, TypeError, RecursionError):
        return None
    return found


def send_once(
    app: Celery, row: Any, arguments: Arguments, *, task_id: uuid.UUID, queue: str, username: str
) -> bool:
    """Send `row`'s task again as `task_id`; False if that was done already: a form may come twice."""
    using = router.db_for_write(Rerun)
    rerun = Rerun(original_id=row.task_id, task_id=str(task_id), username=username, sent_at=now(using))
    return calling.send_once(
        app, row.task_name, arguments, task_id=str(task_id), queue=queue, note=rerun, using=using
    )


def new_id(operation: uuid.UUID, task_id: str) -> str:
    """The id under which an operation sends a task, however often: a repeat can be told from another."""
    return str(uuid.uuid5(operation, task_id))[:ID_LENGTH]
