"""The list of tasks: by state, filtered, searched, and live."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.admin import widgets
from djtaskq.admin.filters import ExactFilter
from djtaskq.admin.live import LiveAdmin
from djtaskq.admin.pages import KeysetAdmin, KeysetChangeList
from djtaskq.admin.parts import Field, Tab
from djtaskq.conf import conf
from djtaskq.db.plans import by_index
from djtaskq.outcomes import outcomes_of
from djtaskq_monitor import queries, search, searching
from djtaskq_monitor.admin import tasks_filters as filters
from djtaskq_monitor.admin.lists import MonitorAdmin
from djtaskq_monitor.models import TASK_STATES, CameraState, TaskState
from djtaskq_monitor.recording.order import ENDED_STATES
from djtaskq_monitor.search import Everything, SearchError, Tree
from djtaskq_monitor.searching import Found

# Of those that have not ended no index tells the states apart: as many of them are read.
UNENDED = 2_000
# What people come for stands first.
_ORDER = ("STARTED", "SUCCESS", "FAILURE", "RETRY", "RECEIVED", "PENDING")


class TaskChangeList(KeysetChangeList):
    """A page of the list; `error` says what of the search cannot be read."""

    page: Found
    tree: Tree
    error: SearchError | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """What matches as far as the database tells: what actions on all that match are about."""
        self._rows = super().get_queryset(request, exclude_parameters)
        try:
            self.tree = self._conditions()
        except SearchError as error:
            self.error, self.tree = error, Everything()
            return self._rows.none()
        condition = searching.possible(self.tree)
        return self._rows if condition is None else self._rows.filter(condition)

    def _conditions(self) -> Tree:
        found = [searching.read(self.query, self.root_queryset, timezone.now())]
        for spec in self._specs:
            if isinstance(spec, filters.SeenFilter):
                found += spec.conditions()
            elif spec.value():
                found.append(spec.condition(spec.value()))
        return search.all_of(found)

    def get_results(self, request: HttpRequest) -> None:  # noqa: ARG002  Django's signature
        if self.error is not None:
            self.page = Found(rows=[], before=None, after=None, total=0, looked_at=0)
        else:
            self.page = searching.search_page(
                self._rows, self.tree, self._position, size=self.list_per_page, backwards=self._backwards
            )
        self.result_list = self.page.rows
        self.result_count = len(self.page.rows) if self.page.total is None else self.page.total
        self.full_result_count = None
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(self.page.rows)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:  # noqa: ARG002
        return ["-first_seen", "-pk"]

    @property
    def _specs(self) -> Iterable[Any]:
        return self.filter_specs

    @property
    def tabs(self) -> list[Tab]:
        """The states; with their counts where nothing but the state narrows the list."""
        current = next(spec.value() for spec in self._specs if isinstance(spec, filters.StateFilter))
        narrowed = self.query or any(name != "state" for name in self.get_filters_params())
        counts = {} if narrowed else _counts()
        states = dict.fromkeys([*_ORDER, *TASK_STATES, *filter(None, [current]), *counts])
        tabs = [Tab(label=_("All"), url=self.get_query_string(remove=["state"]), current=not current)]
        for state in states:
            url = self.get_query_string({"state": state})
            tabs.append(Tab(label=state, url=url, current=state == current, count=counts.get(state, "")))
        return tabs

    @property
    def bar(self) -> list[Field]:
        """The filters beside the state, as fields of one form."""
        words = _("name:charge -state:SUCCESS runtime:>5s")
        fields = [Field(name="q", label=_("Search"), value=self.query, placeholder=words, search=True)]
        for spec in self.filter_specs:
            if isinstance(spec, ExactFilter):
                (shown,) = spec.choices(self)
                name, label = str(spec.parameter_name), str(spec.title).capitalize()
                value, suggestions = shown["value"], shown["suggestions"]
                hint = _("5s") if name == "slower" else ""
                fields.append(
                    Field(name=name, label=label, value=value, suggestions=suggestions, placeholder=hint)
                )
        return [*fields, *self._times()]

    def _times(self) -> list[Field]:
        (spec,) = (each for each in self.filter_specs if isinstance(each, filters.SeenFilter))
        given = {name: str(spec.used_parameters.get(name, "")) for name in spec.names}
        spans = [("", _("any time")), ("1h", _("1 hour")), ("24h", _("24 hours")), ("7d", _("7 days"))]
        if given["since"] not in dict(spans):
            spans.append((given["since"], given["since"]))
        return [
            Field(name="since", label=_("Since"), value=given["since"], choices=spans),
            Field(name="until", label=_("Until"), value=given["until"], placeholder=_("2026-01-31 14:00")),
        ]

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the form of the filters must keep of the query."""
        return [("state", value) for value in self.params.get("state", "").split("\0") if value]


def _counts() -> dict[str, str]:
    """How many tasks are in which state, counted no further than lists count."""
    limit, rows = conf().ADMIN_COUNT_LIMIT, TaskState.objects.order_by()
    with by_index(rows.db):
        found = Counter(
            {
                state: rows.filter(outcome=state).values("outcome")[: limit + 1].count()
                for state in sorted(ENDED_STATES)
            }
        )
        unended = rows.filter(outcome=None).order_by("-first_seen").values_list("state", flat=True)
        read = list(unended[: UNENDED + 1])
    capped = {state: f"{limit:,}+" if count > limit else f"{count:,}" for state, count in found.items()}
    more = "+" if len(read) > UNENDED else ""
    return capped | {state: f"{count:,}{more}" for state, count in Counter(read[:UNENDED]).items()}


class TaskList(LiveAdmin, MonitorAdmin, KeysetAdmin):
    """The list; a part of the admin class of tasks."""

    key_column = "first_seen"
    remarked = True
    change_list_template = "djtaskq_monitor/task_list.html"
    list_display = ("badge", "task", "got", "took", "worker_link", "queue_link", "tried")
    list_display_links = ("task",)
    list_filter = (
        *(filters.StateFilter, filters.NameFilter, filters.WorkerFilter, filters.QueueFilter),
        *(filters.ExceptionFilter, filters.RootFilter, filters.SlowerFilter, filters.SeenFilter),
    )
    list_per_page = 50
    search_fields = ("task_id",)
    empty_page = "djtaskq_monitor/no_tasks.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TaskChangeList]:  # noqa: ARG002  Django's signature
        return TaskChangeList

    def listed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queries.listed(queryset)

    def live_fingerprint(self, request: HttpRequest, object_id: str | None = None) -> Any:  # noqa: ARG002
        if object_id is None:
            newest = TaskState.objects.order_by().aggregate(newest=Max("first_seen"))
            return newest, CameraState.objects.order_by().aggregate(Sum("written"), Max("last_error_at"))
        if not object_id.isdecimal():
            return None
        columns = ("writes", "state", "rank", "outcome", "task_id")
        rows = list(TaskState.objects.filter(pk=object_id).values_list(*columns))
        # No event tells how far a running task is: whoever keeps it is asked.
        running = outcomes_of(task_id for *_known, ended, task_id in rows if not ended)
        return rows, [known.progress for known in running.values()]

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        if request.POST.get("select_across") == "1":
            changelist: Any = self.get_changelist_instance(request)
            if changelist.error is not None or not searching.exact(changelist.tree):
                text = _(
                    "Not all that match can be told by this search. Search by name:, state:, worker:, queue: "
                    "or times alone, or select page by page."
                )
                self.message_user(request, text, messages.ERROR)
                return None
        return super().response_action(request, queryset, *args, **kwargs)

    @admin.display(description=gettext_lazy("state"))
    def badge(self, row: TaskState) -> SafeString:
        return widgets.state_badge(row.state)

    @admin.display(description=gettext_lazy("task"))
    def task(self, row: TaskState) -> SafeString:
        return widgets.named_task(row.name, row.task_id)

    @admin.display(description=gettext_lazy("received"))
    def got(self, row: TaskState) -> SafeString | str:
        if row.received is None and row.sent is not None:
            return widgets.stacked(widgets.when(row.sent), _("sent"))
        return widgets.when(row.received)

    @admin.display(description=gettext_lazy("runtime"))
    def took(self, row: TaskState) -> SafeString:
        return format_html('<span class="djtaskq-number">{}</span>', widgets.duration(row.runtime))

    @admin.display(description=gettext_lazy("retries"))
    def tried(self, row: TaskState) -> SafeString:
        return format_html('<span class="djtaskq-number">{}</span>', row.retries or widgets.DASH)

    @admin.display(description=gettext_lazy("worker"))
    def worker_link(self, row: TaskState) -> SafeString | str:
        return _narrowed("worker", row.worker_id)

    @admin.display(description=gettext_lazy("queue"))
    def queue_link(self, row: TaskState) -> SafeString | str:
        return _narrowed("queue", row.queue)


def _narrowed(name: str, value: str | None) -> SafeString | str:
    """A value that leads to the tasks that share it."""
    if not value:
        return widgets.DASH
    # Of this same page: to reverse its address a hundred times takes a good part of drawing it.
    return format_html('<a href="?{}">{}</a>', urlencode({name: value}), value)
