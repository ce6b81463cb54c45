"""The pages of saved groups."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_results import admin as _peers_admin  # noqa: F401  registers its classes, to be replaced
from django_celery_results.models import GroupResult

from djtaskq.admin import lists, widgets
from djtaskq.admin.sites import replace
from djtaskq_results import relatives
from djtaskq_results.admin import family


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
        return family.shown(relatives.family_of_group(row))


replace(GroupResult, GroupResultAdmin)
