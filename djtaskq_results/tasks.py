"""Tasks of the results' own, found by Celery's `autodiscover_tasks`."""

import uuid
from typing import Any

from celery import Task, shared_task

from djtaskq.calling import BROKER_AWAY
from djtaskq_results import operations


@shared_task(
    bind=True,
    name="djtaskq_results.tasks.proceed",
    autoretry_for=BROKER_AWAY,
    retry_backoff=2,
    retry_backoff_max=600,
    max_retries=12,
    acks_late=True,
    ignore_result=True,
)
def proceed(self: "Task[Any, Any]", operation: str) -> None:
    """Go on with what somebody does to many results; a second one for the same operation does nothing."""
    operations.proceed(uuid.UUID(operation), self.app)
