"""Lists that are paged by key instead of by number."""

from typing import Any, ClassVar

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from djtaskq.admin.filters import ExactFilter, TimeFilter
from djtaskq.admin.keyset import Page, Position, Reader
from djtaskq.admin.lists import BigTableAdmin, StateFilter
from djtaskq.conf import conf
from djtaskq.db.plans import by_index

AFTER, BEFORE = "after", "before"


class KeysetChangeList(ChangeList):
    """A page of a `KeysetAdmin`'s list: `page` is what was read, `newer` and `older` are links."""

    page: Page
    _position: Position | None
    _backwards: bool

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        self._backwards = BEFORE in self.params
        self._position = Position.parse(self.params.get(BEFORE) or self.params.get(AFTER))
        for name in (AFTER, BEFORE):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        admin_class: Any = self.model_admin
        rows: QuerySet[Any] = admin_class.listed(super().get_queryset(request, exclude_parameters))
        return rows

    def get_results(self, request: HttpRequest) -> None:  # noqa: ARG002  Django's signature
        exact = [spec for spec in self.filter_specs if isinstance(spec, ExactFilter | StateFilter)]
        used = [spec for spec in exact if spec.value()]
        admin_class: Any = self.model_admin
        reader = Reader(
            every=self._every(),
            matching=self.queryset,
            column=admin_class.key_column,
            newest_first=self._newest_first(),
            size=self.list_per_page,
            limit=conf().ADMIN_COUNT_LIMIT,
            filtered=bool(used or self.query or self.others()),
            rare_by_index=bool(self.query) or any(getattr(spec, "by_index", True) for spec in used),
        )
        with by_index(self.queryset.db):
            self.page = reader.page(self._position, backwards=self._backwards)
        self.result_list = self.page.rows
        self.result_count = len(self.page.rows) if self.page.total is None else self.page.total
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = bool(self.page.rows)
        self.can_show_all = self.multi_page = False

    def _every(self) -> QuerySet[Any]:
        rows = self.root_queryset.order_by()
        for spec in self.filter_specs:
            if isinstance(spec, TimeFilter):
                rows = spec.queryset(None, rows)  # type: ignore[arg-type]  # it has read the request
        return rows

    def others(self) -> set[str]:
        """Lookups that came by a link from elsewhere, and of which nobody knows an index."""
        known = {name for spec in self.filter_specs for name in spec.expected_parameters()}
        return set(self.get_filters_params()) - known

    def _newest_first(self) -> bool:
        first = next(iter(self.queryset.query.order_by), "-")
        return str(first).startswith("-")

    @property
    def is_filtered(self) -> bool:
        return bool(self.query or self.has_active_filters)

    @property
    def page_before(self) -> str:
        """The link to the neighbouring page; empty where there is none."""
        return self.get_query_string({BEFORE: str(self.page.before)}) if self.page.before else ""

    @property
    def page_after(self) -> str:
        return self.get_query_string({AFTER: str(self.page.after)}) if self.page.after else ""

    @property
    def newest_first(self) -> bool:
        return self._newest_first()

    @property
    def count_limit(self) -> int:
        return conf().ADMIN_COUNT_LIMIT


class KeysetAdmin(BigTableAdmin):
    """A list in the order of the indexed time `key_column`, in which every page costs the same."""

    key_column: ClassVar[str]
    change_list_template = "djtaskq/keyset_change_list.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002  Django's signature
        return KeysetChangeList

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        # Past the refusal of more rows than were counted: the actions here go through them in batches.
        return super(BigTableAdmin, self).response_action(request, queryset, *args, **kwargs)
