"""The list of workers; `worker_pages` has the page of one, `worker_commands` what can be done to them."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.admin import audit, parts, widgets
from djtaskq.admin.live import LiveAdmin, every
from djtaskq_monitor.admin.lists import MonitorAdmin
from djtaskq_monitor.admin.performing import may
from djtaskq_monitor.admin.worker_commands import Commanding
from djtaskq_monitor.admin.worker_pages import WorkerPages
from djtaskq_monitor.control.commands import COMMANDS
from djtaskq_monitor.fleet import Fleet, fleet
from djtaskq_monitor.models import TaskStatistics, WorkerState
from djtaskq_monitor.statistics.labels import ALL

SINCE = dt.timedelta(hours=24)
_STATUSES = ("online", "busy", "lost", "offline")


class StatusFilter(admin.SimpleListFilter):
    """Shown as tabs, not at the side. A status is by the clock: those who have it are named."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        return [(status, status) for status in _STATUSES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        status = self.value()
        if status not in _STATUSES:
            return queryset
        return queryset.filter(hostname__in=getattr(fleet_of(request), status))


class _WorkerList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        counted = _counted([row.hostname for row in self.result_list])
        for row in self.result_list:
            row.succeeded, row.failed = counted.get(row.hostname, (0, 0))


@admin.register(WorkerState)
class WorkerStateAdmin(LiveAdmin, Commanding, WorkerPages, MonitorAdmin):
    list_display = (
        *("named", "badge", "running", "done", "failures", "successes"),
        *("load", "consumes"),
    )
    list_filter = (StatusFilter,)
    actions = ("control",)
    search_fields = ("hostname",)
    search_help_text = gettext_lazy("A part of a worker's name")
    sortable_by = ("named", "badge", "running", "done")
    ordering = ("hostname",)
    empty_page = "djtaskq_monitor/no_workers.html"
    change_list_template = "djtaskq_monitor/worker_list.html"

    class Media:
        css = {"all": ["djtaskq_monitor/workers.css"]}
        js = ["djtaskq_monitor/asked.js"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002  Django's signature
        return _WorkerList

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(hostname__icontains=term)

    def live_fingerprint(self, request: HttpRequest, object_id: str | None = None) -> Any:  # noqa: ARG002  one for both
        # A worker is lost without anybody writing it.
        return WorkerState.objects.aggregate(Max("last_update"), Count("pk")), every(5)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context: dict[str, Any] = {}
        if self.has_view_permission(request):
            found = fleet_of(request)
            context = {
                "fleet": found,
                "tabs": parts.tabs(_tabs(request, found), _("Workers by status")),
                "recent_actions": audit.recent(WorkerState, most=8),
                "everybody": any(may(request, command) for command in COMMANDS.values() if command.everybody),
            }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin.display(description=gettext_lazy("worker"), ordering="hostname")
    def named(self, row: WorkerState) -> SafeString:
        return widgets.stacked(row.hostname, " ".join(filter(None, (row.sw_ident, row.sw_ver))))

    @admin.display(description=gettext_lazy("status, heartbeat"), ordering="last_heartbeat")
    def badge(self, row: WorkerState) -> SafeString:
        return widgets.stacked(widgets.state_badge(row.status()), widgets.when(row.last_heartbeat))

    @admin.display(description=gettext_lazy("active"), ordering="active")
    def running(self, row: WorkerState) -> SafeString | str:
        return _tasks(row, row.active, "STARTED")

    @admin.display(description=gettext_lazy("processed"), ordering="processed")
    def done(self, row: WorkerState) -> SafeString | str:
        return _tasks(row, row.processed)

    @admin.display(description=gettext_lazy("failed 24 h"))
    def failures(self, row: Any) -> SafeString | str:
        return _tasks(row, row.failed, "FAILURE")

    @admin.display(description=gettext_lazy("succeeded 24 h"))
    def successes(self, row: Any) -> SafeString | str:
        return _tasks(row, row.succeeded, "SUCCESS")

    @admin.display(description=gettext_lazy("load"))
    def load(self, row: WorkerState) -> SafeString | str:
        shown = [f"{load:.2f}" for load in row.loadavg]
        return widgets.stacked(_number(shown[0]), _number(" ".join(shown[1:]))) if shown else widgets.DASH

    @admin.display(description=gettext_lazy("queues"))
    def consumes(self, row: WorkerState) -> str:
        return ", ".join(row.queue_names) or widgets.DASH


def fleet_of(request: HttpRequest) -> Fleet:
    """How the workers stand, asked once for a page."""
    known: Any = request
    if not hasattr(known, "djtaskq_fleet"):
        known.djtaskq_fleet = fleet()
    found: Fleet = known.djtaskq_fleet
    return found


def _tabs(request: HttpRequest, found: Fleet) -> list[parts.Tab]:
    current = request.GET.get("status", "")
    page = reverse("admin:djtaskq_monitor_workerstate_changelist")
    every_one = len(found.online) + len(found.lost) + len(found.offline)
    counts = {"": every_one, **{status: len(getattr(found, status)) for status in _STATUSES}}
    words = {
        "": _("All"),
        "online": _("Online"),
        "busy": _("Busy"),
        "lost": _("Lost"),
        "offline": _("Offline"),
    }
    search = request.GET.get("q", "")
    tabs = []
    for status, count in counts.items():
        query = request.GET.__class__(mutable=True)
        query.update({name: value for name, value in (("status", status), ("q", search)) if value})
        url = f"{page}?{query.urlencode()}" if query else page
        tabs.append(parts.Tab(label=words[status], url=url, current=status == current, count=count))
    return tabs


def _counted(hostnames: list[str]) -> dict[str, tuple[int, int]]:
    """How many tasks succeeded and failed in the last day, by worker; whole hours, one statement."""
    rows = TaskStatistics.objects.filter(
        resolution=TaskStatistics.HOUR,
        at__gte=timezone.now() - SINCE,
        series__worker__in=hostnames,
        series__name=ALL,
        series__queue=ALL,
    )
    sums = rows.order_by().values("series__worker").annotate(succeeded=Sum("succeeded"), failed=Sum("failed"))
    return {each["series__worker"]: (each["succeeded"], each["failed"]) for each in sums}


def _tasks(row: WorkerState, count: int | None, state: str = "") -> SafeString | str:
    """A count that leads to the tasks behind it."""
    if count is None:
        return widgets.DASH
    if not count:
        return _number("0")
    query = {"worker": row.hostname, **({"state": state} if state else {})}
    url = reverse("admin:djtaskq_monitor_taskstate_changelist", query=query)
    return format_html('<a class="djtaskq-number" href="{}">{}</a>', url, f"{count:,}")


def _number(text: str) -> SafeString | str:
    return format_html('<span class="djtaskq-number">{}</span>', text) if text else widgets.DASH
