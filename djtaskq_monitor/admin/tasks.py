"""Tasks as events tell of them: the list, the page of each, and what can be done to them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from djtaskq_monitor.admin.revoking import REVOKING, Revoking
from djtaskq_monitor.admin.saved_views import SavedViews
from djtaskq_monitor.admin.tasks_again import RunningAgain
from djtaskq_monitor.admin.tasks_list import TaskList
from djtaskq_monitor.admin.tasks_page import TaskPage
from djtaskq_monitor.models import TaskState


@admin.register(TaskState)
class TaskStateAdmin(Revoking, RunningAgain, SavedViews, TaskList, TaskPage):
    actions = REVOKING
    view_page = "tasks"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        views = SimpleLazyObject(lambda: self.saved_views(request))
        context = {"saved_views": views, **(extra_context or {})}
        return super().changelist_view(request, context)

    def panel(self, request: HttpRequest, row: TaskState) -> dict[str, Any]:
        return {
            **super().panel(request, row),
            "revoking": self.revoking(request, row),
            "may_run_again": bool(row.name) and self.has_run_again_permission(request),
        }
