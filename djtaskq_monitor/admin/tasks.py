"""The pages of tasks: to be read, not to be changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import lists, widgets
from djtaskq.outcomes import outcomes_of
from djtaskq_monitor import queries
from djtaskq_monitor.admin.lists import MonitorAdmin
from djtaskq_monitor.models import TASK_STATES, TaskState

_TIMELINE_ROW = (
    '<tr><th scope="row">{}</th><td class="djtaskq-number">{}</td><td class="djtaskq-number">{}</td></tr>'
)


class StateFilter(lists.StateFilter):
    parameter_name = "state"
    states = TASK_STATES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's signature
        return queries.in_state(queryset, self.value()) if self.value() else queryset


@admin.register(TaskState)
class TaskStateAdmin(MonitorAdmin):
    remarked = True
    list_display = ("badge", "task", "where", "last_event")
    list_display_links = ("task",)
    list_filter = (StateFilter, ("tstamp", admin.DateFieldListFilter))
    search_help_text = _("The beginning of a task id, or the whole name of a task")
    search_fields = ("task_id",)
    empty_page = "djtaskq_monitor/no_tasks.html"
    readonly_fields = (
        *("name", "task_id", "badge", "worker_name", "elsewhere", "timeline", "took", "eta_at", "expires_at"),
        *("result_text", "exception_text", "traceback_text", "args_text", "kwargs_text"),
        *("retries", "queue", "exchange", "routing_key", "client", "parent", "root"),
    )
    fieldsets = (
        (None, {"fields": ("name", "task_id", "badge", "worker_name", "elsewhere")}),
        (_("Times"), {"fields": ("timeline", "took", "eta_at", "expires_at")}),
        (_("Outcome"), {"fields": ("result_text", "exception_text", "traceback_text")}),
        (_("Arguments"), {"fields": ("args_text", "kwargs_text")}),
        (
            _("Message"),
            {"fields": ("retries", "queue", "exchange", "routing_key", "client", "parent", "root")},
        ),
    )

    def listed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queries.listed(queryset)

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queries.search(queryset, term)

    @admin.display(description=_("task"))
    def task(self, row: TaskState) -> SafeString:
        return widgets.named_task(row.name, row.task_id)

    @admin.display(description=_("state"))
    def badge(self, row: TaskState) -> SafeString:
        return widgets.state_badge(row.state)

    @admin.display(description=_("worker"))
    def worker_name(self, row: TaskState) -> str:
        return row.worker_id or widgets.DASH

    @admin.display(description=_("worker, queue"))
    def where(self, row: TaskState) -> SafeString:
        return widgets.stacked(row.worker_id or widgets.DASH, row.queue or "")

    @admin.display(description=_("last event"))
    def last_event(self, row: TaskState) -> SafeString:
        return widgets.ended(row.tstamp, row.runtime)

    @admin.display(description=_("runtime"))
    def took(self, row: TaskState) -> str:
        return widgets.duration(row.runtime)

    @admin.display(description=_("ETA"))
    def eta_at(self, row: TaskState) -> str:
        return widgets.exactly(row.eta)

    @admin.display(description=_("expires"))
    def expires_at(self, row: TaskState) -> str:
        return widgets.exactly(row.expires)

    @admin.display(description=_("timeline"))
    def timeline(self, row: TaskState) -> SafeString:
        lines = format_html_join(
            "",
            _TIMELINE_ROW,
            (
                (name, widgets.exactly(at), "" if after is None else f"+ {widgets.duration(after)}")
                for name, at, after in queries.timeline(row)
            ),
        )
        return format_html('<table class="djtaskq-table">{}</table>', lines)

    @admin.display(description=_("result"))
    def result_text(self, row: TaskState) -> str:
        return widgets.block(row.result or "")

    @admin.display(description=_("exception"))
    def exception_text(self, row: TaskState) -> str:
        return widgets.block(row.exception or "")

    @admin.display(description=_("traceback"))
    def traceback_text(self, row: TaskState) -> str:
        return widgets.block(row.traceback or "")

    @admin.display(description=_("arguments"))
    def args_text(self, row: TaskState) -> str:
        return widgets.block(row.args or "")

    @admin.display(description=_("keyword arguments"))
    def kwargs_text(self, row: TaskState) -> str:
        return widgets.block(row.kwargs or "")

    @admin.display(description=_("parent"))
    def parent(self, row: TaskState) -> str:
        return _task_link(row.parent_id)

    @admin.display(description=_("root"))
    def root(self, row: TaskState) -> str:
        return widgets.DASH if row.root_id == row.task_id else _task_link(row.root_id)

    @admin.display(description=_("see also"))
    def elsewhere(self, row: TaskState) -> str:
        outcome = outcomes_of([row.task_id]).get(row.task_id)
        own = queries.page_of(row)
        links = [link for link in (outcome.links if outcome else ()) if link.url != own]
        if not links:
            return widgets.DASH
        return format_html_join(", ", '<a href="{}">{}</a>', ((link.url, link.label) for link in links))


def _task_link(task_id: str | None) -> str:
    """A link to what the search finds for the id: it may not be there."""
    if not task_id:
        return widgets.DASH
    url = reverse("admin:djtaskq_monitor_taskstate_changelist", query={"q": task_id})
    return format_html('<a href="{}">{}</a>', url, task_id)
