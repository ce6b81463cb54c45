"""The pages of task results and groups, under the URLs that django-celery-results gave them."""

from djtaskq_results.admin import groups, operations, task_results

__all__ = ["groups", "operations", "task_results"]
