"""The pages of task results and groups, under the URLs that django-celery-results gave them."""

from typing import Any
from urllib.parse import urlencode

from celery.states import FAILURE, PENDING, RETRY, REVOKED, STARTED, SUCCESS
from django.contrib import admin
from django.db.models import QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_celery_results import admin as _peers_admin  # noqa: F401  registers its classes, to be replaced
from django_celery_results.models import TaskResult

from djtaskq.admin import lists, widgets
from djtaskq.admin.sites import replace
from djtaskq.outcomes import outcomes_of
from djtaskq_results import queries

# What a browser can show without choking on it.
SHOWN = 100_000


class StateFilter(lists.StateFilter):
    parameter_name = "status"
    states = (SUCCESS, FAILURE, STARTED, RETRY, REVOKED, PENDING)


class TaskResultAdmin(lists.BigTableAdmin):
    """Task results: what ran, how it ended, where and how long."""

    list_display = ("state", "task", "worker", "ended")
    list_display_links = ("task",)
    list_filter = (StateFilter, ("date_done", admin.DateFieldListFilter))
    sortable_by = ("ended",)
    search_fields = ("task_id",)
    search_help_text = _("The beginning of a task id, or the whole name of a task")
    empty_page = "djtaskq_results/no_results.html"
    readonly_fields = (
        *("task_name", "task_id", "state", "worker", "periodic_task", "elsewhere"),
        *("created", "started", "done", "took", "value", "traceback_text", "arguments", "keywords"),
        *("content_type", "content_encoding", "meta_text"),
    )
    fieldsets = (
        (None, {"fields": ("task_name", "task_id", "state", "worker", "periodic_task", "elsewhere")}),
        (_("Result"), {"fields": ("value", "traceback_text")}),
        (_("Times"), {"fields": ("created", "started", "done", "took")}),
        (_("Arguments"), {"fields": ("arguments", "keywords")}),
        (
            _("As stored"),
            {"fields": ("content_type", "content_encoding", "meta_text"), "classes": ("collapse",)},
        ),
    )

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

    @admin.display(description=_("created"))
    def created(self, row: Any) -> str:
        return widgets.exactly(row.date_created)

    @admin.display(description=_("started"))
    def started(self, row: Any) -> str:
        return widgets.exactly(row.date_started)

    @admin.display(description=_("last change"), ordering="date_done")
    def ended(self, row: Any) -> SafeString:
        return widgets.ended(row.date_done, queries.runtime(row))

    @admin.display(description=_("last change"))
    def done(self, row: Any) -> str:
        return widgets.when(row.date_done)

    @admin.display(description=_("runtime"))
    def took(self, row: Any) -> str:
        return widgets.duration(queries.runtime(row))

    @admin.display(description=_("result"))
    def value(self, row: Any) -> str:
        if row.content_encoding == "binary":
            return widgets.muted(str(_("Stored as %s: not decoded here.")) % row.content_type)
        if len(row.result or "") > SHOWN:
            return widgets.block(_cut(row.result))
        return widgets.pretty_json(row.result) if row.result else widgets.DASH

    @admin.display(description=_("traceback"))
    def traceback_text(self, row: Any) -> str:
        return widgets.block(_cut(row.traceback))

    @admin.display(description=_("arguments"))
    def arguments(self, row: Any) -> str:
        return self._argument_text(row, row.task_args)

    @admin.display(description=_("keyword arguments"))
    def keywords(self, row: Any) -> str:
        return self._argument_text(row, row.task_kwargs)

    @admin.display(description=_("meta"))
    def meta_text(self, row: Any) -> str:
        return widgets.block(_cut(row.meta))

    @admin.display(description=_("periodic task"))
    def periodic_task(self, row: Any) -> str:
        if not row.periodic_task_name:
            return widgets.DASH
        try:
            url = reverse("admin:django_celery_beat_periodictask_changelist")
        except NoReverseMatch:
            return str(row.periodic_task_name)  # schedules live elsewhere
        query = urlencode({"name": row.periodic_task_name})
        return format_html('<a href="{}?{}">{}</a>', url, query, row.periodic_task_name)

    @admin.display(description=_("see also"))
    def elsewhere(self, row: Any) -> str:
        own = queries.page_of(row)
        outcome = outcomes_of([row.task_id]).get(row.task_id)
        links = [link for link in (outcome.links if outcome else ()) if link.url != own]
        if not links:
            return widgets.DASH
        return format_html_join(", ", '<a href="{}">{}</a>', ((link.url, link.label) for link in links))

    def _argument_text(self, row: Any, text: str | None) -> str:
        shown = queries.value(text, row.content_type)
        return widgets.block(_cut(shown)) if isinstance(shown, str) else widgets.pretty_json(shown)


def _cut(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


replace(TaskResult, TaskResultAdmin)
