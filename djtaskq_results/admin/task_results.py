"""The list of task results and the page of each."""

from typing import Any

from celery.states import READY_STATES
from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_celery_results import admin as _peers_admin  # noqa: F401  registers its classes, to be replaced
from django_celery_results.models import TaskResult

from djtaskq.admin import widgets
from djtaskq.admin.live import LiveAdmin, every
from djtaskq.admin.sites import replace
from djtaskq_results import queries
from djtaskq_results.admin import filters
from djtaskq_results.admin.actions import WORDS
from djtaskq_results.admin.page import ResultPage
from djtaskq_results.admin.rerun import Rerunning


class TaskResultAdmin(LiveAdmin, ResultPage, Rerunning):
    """Task results: what ran, how it ended, where and how long."""

    key_column = "date_done"
    list_display = ("state", "task", "worker", "ended")
    list_display_links = ("task",)
    list_filter = (
        filters.StateFilter,
        filters.TaskFilter,
        filters.WorkerFilter,
        filters.QueueFilter,
        filters.DoneFilter,
    )
    list_per_page = 50
    sortable_by = ("ended",)
    search_fields = ("task_id",)
    search_help_text = _("The beginning of a task id, or the whole name of a task")
    empty_page = "djtaskq_results/no_results.html"

    def live_fingerprint(self, request: HttpRequest, object_id: str | None = None) -> Any:  # noqa: ARG002  Django's signature
        """The latest change; rows that were deleted, and what others know, are seen within seconds."""
        rows = TaskResult.objects.order_by()
        if object_id is not None and object_id.isdecimal():
            rows = rows.filter(pk=int(object_id))
        return rows.aggregate(Max("date_done")), every(10)

    def panel(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        ended = row.status in READY_STATES
        offered = {
            "revoke": not ended and self.has_revoke_permission(request),
            "terminate": not ended and self.has_terminate_permission(request),
            "forget": self.has_forget_permission(request),
        }
        again = bool(row.task_name) and self.has_run_again_permission(request)
        return {
            **super().panel(request, row),
            "may_run_again": again,
            "buttons": [(kind, WORDS[kind].title) for kind, offers in offered.items() if offers],
        }

    def listed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queries.listed(queryset)

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queries.search(queryset, term)

    @admin.display(description=_("task"))
    def task(self, row: Any) -> SafeString:
        return widgets.named_task(row.task_name, row.task_id)

    @admin.display(description=_("state"))
    def state(self, row: Any) -> SafeString:
        return widgets.state_badge(row.status)

    @admin.display(description=_("last change"), ordering="date_done")
    def ended(self, row: Any) -> SafeString:
        return widgets.ended(row.date_done, queries.runtime(row))


replace(TaskResult, TaskResultAdmin)
