"""Sending a task again that events told of."""

import uuid

from celery import Celery, states
from django.db import router
from django.utils import timezone

from djtaskq import calling
from djtaskq.arguments import Arguments
from djtaskq_monitor.models import TaskState


def send_once(app: Celery, name: str, arguments: Arguments, *, task_id: uuid.UUID, queue: str) -> bool:
    """Send a task as `task_id`; False if that was done already: a form may come twice.

    Its row says so: it is there before the task is sent, and what events tell takes the place of what is in
    it. Raises `NotSent`, or the broker's errors where that is away, and leaves no row then.
    """
    using = router.db_for_write(TaskState)
    now = timezone.now()
    row = TaskState(task_id=str(task_id), name=name, state=states.PENDING, tstamp=now, queue=queue or None)
    return calling.send_once(app, name, arguments, task_id=str(task_id), queue=queue, note=row, using=using)
