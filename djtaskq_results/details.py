"""The companion of a task's row: what django-celery-results' columns cannot hold."""

from collections.abc import Iterable

from djtaskq_results.database import writing_to
from djtaskq_results.models import TaskDetail


def forget_details(task_ids: Iterable[str]) -> None:
    """Delete what is kept beside the rows of these tasks. At most as many as one statement may name."""
    ids = list(task_ids)
    writing_to(TaskDetail, lambda using: TaskDetail.objects.using(using).filter(task_id__in=ids).delete())
