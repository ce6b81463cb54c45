"""Telling those who wait that a task is ready, after its state was committed."""

import contextlib

from django.db import DatabaseError, InterfaceError
from django_celery_results.models import TaskResult

from djtaskq.db import announcing
from djtaskq_results.database import writing_to


def announce(task_id: str) -> None:
    """Announce a task that somebody waits for.

    The result is stored, and who waits looks for it now and then: no failure of this may become the task's.
    """
    with contextlib.suppress(DatabaseError, InterfaceError):
        writing_to(TaskResult, lambda using: announcing.announce(task_id, using=using), seconds=0)
