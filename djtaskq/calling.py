"""Sending a task by its name, as somebody asked for it by hand."""

from typing import Any

from celery import Celery
from celery.exceptions import QueueNotFound
from django.db import IntegrityError, transaction
from django.db.models import Model
from kombu.exceptions import EncodeError, OperationalError

from djtaskq.arguments import Arguments
from djtaskq.errors import DjtaskqError

# What transports raise that kombu does not translate is a ConnectionError or another OSError.
BROKER_AWAY = (OperationalError, OSError)


class NotSent(DjtaskqError):
    """{name} was not sent: {reason}"""


def send(app: Celery, name: str, arguments: Arguments, *, task_id: str, queue: str = "") -> None:
    """Publish it under its own name; raises `NotSent`, or the broker's errors where that is away."""
    args, kwargs = arguments.loaded()
    options: dict[str, Any] = {"task_id": task_id, **({"queue": queue} if queue else {})}
    app.loader.import_default_modules()
    task: Any = app.tasks.get(name)
    try:
        if task is None:
            app.send_task(name, args, kwargs, **options)
        else:
            task.apply_async(args, kwargs, **options)
    except (TypeError, QueueNotFound, EncodeError) as error:
        raise NotSent(name=name, reason=str(error)) from error


def send_once(
    app: Celery, name: str, arguments: Arguments, *, task_id: str, queue: str, note: Model, using: str
) -> bool:
    """Send it unless that was done already: a form may come twice. Returns whether it was sent now.

    `note` says that it was: a row that is not stored yet, and that stands in the way of another for the same
    `task_id`. It is there before the task is. Raises as `send` does, and leaves no row then.
    """
    try:
        with transaction.atomic(using=using):
            note.save(using=using, force_insert=True)
    except IntegrityError:
        return False
    sent = False
    try:
        send(app, name, arguments, task_id=task_id, queue=queue)
        sent = True
    finally:
        if not sent:
            note.delete(using=using)
    return True
