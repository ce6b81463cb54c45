"""The pages of saved groups."""

from typing import Any

from celery.states import PENDING
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_celery_results import admin as _peers_admin  # noqa: F401  registers its classes, to be replaced
from django_celery_results.models import GroupResult

from djtaskq.admin import lists, widgets
from djtaskq.admin.sites import replace
from djtaskq.outcomes import Outcome, outcomes_of
from djtaskq_results import queries

MEMBERS_SHOWN = 200


class GroupResultAdmin(lists.BigTableAdmin):
    """Saved groups and what became of their members."""

    list_display = ("group_id", "created", "done")
    sortable_by = ("done",)
    search_fields = ("group_id",)
    search_help_text = _("The beginning of a group id")
    empty_page = "djtaskq_results/no_groups.html"
    readonly_fields = ("group_id", "created", "done", "members")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return super().get_queryset(request).defer("result")

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(group_id__startswith=term)

    @admin.display(description=_("created"))
    def created(self, row: Any) -> str:
        return widgets.when(row.date_created)

    @admin.display(description=_("last change"), ordering="date_done")
    def done(self, row: Any) -> str:
        return widgets.when(row.date_done)

    @admin.display(description=_("members"))
    def members(self, row: Any) -> str:
        ids = queries.members(row)
        known = outcomes_of(ids[:MEMBERS_SHOWN])
        lines = format_html_join(
            "", "<li>{} {}</li>", (_member(task_id, known.get(task_id)) for task_id in ids[:MEMBERS_SHOWN])
        )
        more = len(ids) - MEMBERS_SHOWN
        return format_html(
            "<ol>{}</ol>{}", lines, widgets.muted(str(_("and %d more")) % more) if more > 0 else ""
        )


def _member(task_id: str, outcome: Outcome | None) -> tuple[SafeString, str]:
    badge = widgets.state_badge(outcome.state if outcome else PENDING)
    if outcome and outcome.links:
        return badge, format_html('<a href="{}">{}</a>', outcome.links[0].url, task_id)
    return badge, task_id


replace(GroupResult, GroupResultAdmin)
