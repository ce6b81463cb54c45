"""Admin lists over tables that grow without bound."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.conf import conf
from djtaskq.db.text import storable

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
    _ModelAdmin = admin.ModelAdmin[Model]
else:  # generic for the type checker alone
    _Paginator = Paginator
    _ModelAdmin = admin.ModelAdmin


class CappedPaginator(_Paginator):
    """A paginator that counts no further than `DJTASKQ["ADMIN_COUNT_LIMIT"]`, and says so.

    `capped` is true where there are more rows than it counted.
    """

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[: conf().ADMIN_COUNT_LIMIT + 1].count()
        return len(rows)

    @cached_property
    def count(self) -> int:
        return min(self._counted, conf().ADMIN_COUNT_LIMIT)

    @property
    def capped(self) -> bool:
        return self._counted > self.count


class StateFilter(admin.SimpleListFilter):
    """States that are known beforehand: to ask the table for its own would read all of it.

    `parameter_name` is the column's name as well.
    """

    title = gettext_lazy("state")
    states: ClassVar[Sequence[str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        # A custom state comes by a link, and must be seen to be filtered by.
        return [(state, state) for state in dict.fromkeys([*self.states, self.value()]) if state]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): storable(value)}) if value else queryset


class _ListedColumns(ChangeList):
    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        admin_class: Any = self.model_admin
        listed: QuerySet[Any] = admin_class.listed(super().get_queryset(*args, **kwargs))
        return listed


class BigTableAdmin(_ModelAdmin):
    """A list whose cost does not grow with its table, over rows that machines write and people read.

    Nothing is counted in full, nothing can be added or changed, and a column can be sorted by only where
    `sortable_by` says so: name those that have an index. `empty_page` is a template that says what would be
    here and how to get it.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by: ClassVar[tuple[str, ...]] = ()
    empty_page: ClassVar[str | None] = None
    change_list_template = "djtaskq/change_list.html"
    change_form_template = "djtaskq/change_form.html"

    def listed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What the list reads of its rows: leave out the columns that may be large."""
        return queryset

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:  # noqa: ARG002  for those that search
        """The rows that a search finds, by an index."""
        return queryset

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002  Django's signature
        return _ListedColumns

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (self.search(queryset, term) if term else queryset), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"empty_page": self.empty_page, "title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Model], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        if request.POST.get("select_across") == "1" and CappedPaginator(queryset, 1).capped:
            # The page offered as many as were counted, and the action would be done to all that match.
            text = _("More rows match than were counted. Narrow the list, or select them page by page.")
            self.message_user(request, text, messages.ERROR)
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002  Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False
