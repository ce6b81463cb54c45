"""The filters of the list of task results."""

from collections.abc import Iterable
from typing import Any

from celery import current_app
from celery.states import FAILURE, PENDING, RETRY, REVOKED, STARTED, SUCCESS
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import lists
from djtaskq.admin.filters import ExactFilter, TimeFilter
from djtaskq.db.text import storable
from djtaskq_results import queries


class StateFilter(lists.StateFilter):
    parameter_name = "status"
    states = (SUCCESS, FAILURE, STARTED, RETRY, REVOKED, PENDING)


class TaskFilter(ExactFilter):
    title = _("task")
    parameter_name = "task_name"

    def suggestions(self, changelist: Any) -> Iterable[str]:
        """The tasks on the page, and those that this process knows."""
        shown = sorted({row.task_name for row in changelist.result_list if row.task_name})
        known = sorted(name for name in current_app.tasks if not name.startswith("celery."))
        return [*shown, *known]


class WorkerFilter(ExactFilter):
    title = _("worker")
    parameter_name = "worker"

    def suggestions(self, changelist: Any) -> Iterable[str]:
        return sorted({row.worker for row in changelist.result_list if row.worker})


class QueueFilter(ExactFilter):
    """There where details are kept: nothing else knows a task's queue."""

    title = _("queue")
    parameter_name = "queue"
    by_index = False

    def has_output(self) -> bool:
        return bool(self.value()) or queries.details_are_kept()

    def suggestions(self, changelist: Any) -> Iterable[str]:
        return sorted({*queries.queues_of(changelist.result_list), *current_app.amqp.queues})

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's signature
        queue = self.value()
        return queries.on_queue(queryset, storable(queue)) if queue else queryset


class DoneFilter(TimeFilter):
    title = _("last change")  # type: ignore[assignment]  # lazy
    column = "date_done"
