from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import widgets
from djtaskq.admin.lists import BigTableAdmin
from djtaskq_beat.admin.periodic_tasks import links_of
from djtaskq_beat.models import TaskRun
from djtaskq_beat.queries import PastRun, with_outcomes


@admin.register(TaskRun)
class TaskRunAdmin(BigTableAdmin):
    """The history of all schedules: what became of each slot."""

    list_display = ("state_shown", "schedule", "late", "how_it_ended", "links")
    list_display_links = ("schedule",)
    list_filter = ("state", "trigger")
    ordering = ("-id",)
    fields = (
        "name",
        "due",
        "through",
        "trigger",
        "state_shown",
        "reason",
        "late",
        "task_id",
        "claimed_at",
        "claimed_by",
        "published_at",
        "attempts",
        "retry_at",
    )
    readonly_fields = fields
    empty_page = "djtaskq_beat/no_runs.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  Django's signature
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        for past in with_outcomes(changelist.result_list):
            past.record.past_run = past  # type: ignore[attr-defined]  # for the columns below
        return changelist

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return (
            super().get_queryset(request).defer("reason")
            if _is_list(request)
            else super().get_queryset(request)
        )

    @admin.display(description=_("schedule, due"))
    def schedule(self, run: TaskRun) -> SafeString:
        return widgets.stacked(run.name, widgets.exactly(run.slot))

    @admin.display(description=_("due"))
    def due(self, run: TaskRun) -> str:
        return widgets.exactly(run.slot)

    @admin.display(description=_("state"))
    def state_shown(self, run: TaskRun) -> SafeString:
        return widgets.state_badge(run.state)

    @admin.display(description=_("late by"))
    def late(self, run: TaskRun) -> str:
        return widgets.duration(run.lateness.total_seconds() if run.lateness is not None else None)

    @admin.display(description=_("outcome"))
    def how_it_ended(self, run: TaskRun) -> SafeString | str:
        past: PastRun | None = getattr(run, "past_run", None)
        return widgets.state_badge(past.outcome.state) if past and past.outcome else widgets.DASH

    @admin.display(description=_("see"))
    def links(self, run: TaskRun) -> SafeString | str:
        past: PastRun | None = getattr(run, "past_run", None)
        return links_of(past) if past else ""


def _is_list(request: HttpRequest) -> bool:
    return bool(request.resolver_match and (request.resolver_match.url_name or "").endswith("_changelist"))
