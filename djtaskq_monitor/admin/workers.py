"""The pages of workers."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import widgets
from djtaskq_monitor.admin.lists import MonitorAdmin
from djtaskq_monitor.models import WorkerState


@admin.register(WorkerState)
class WorkerStateAdmin(MonitorAdmin):
    list_display = ("hostname", "badge", "heard", "active", "processed", "load", "software")
    search_fields = ("hostname",)
    search_help_text = _("A part of a worker's name")
    sortable_by = ("hostname", "heard")
    empty_page = "djtaskq_monitor/no_workers.html"
    readonly_fields = (
        *("hostname", "badge", "heard", "first_heard", "offline_at", "drift"),
        *("active", "processed", "load", "software", "sw_sys", "pid", "freq"),
    )
    fieldsets = (
        (None, {"fields": ("hostname", "badge", "heard", "first_heard", "offline_at", "drift")}),
        (_("Work"), {"fields": ("active", "processed", "load")}),
        (_("Process"), {"fields": ("software", "sw_sys", "pid", "freq")}),
    )

    @admin.display(description=_("status"))
    def badge(self, row: WorkerState) -> SafeString:
        return widgets.state_badge(row.status())

    @admin.display(description=_("last heartbeat"), ordering="last_heartbeat")
    def heard(self, row: WorkerState) -> str:
        return widgets.when(row.last_heartbeat)

    @admin.display(description=_("first seen"))
    def first_heard(self, row: WorkerState) -> str:
        return widgets.when(row.first_seen)

    @admin.display(description=_("offline since"))
    def offline_at(self, row: WorkerState) -> str:
        return widgets.when(row.offline_since)

    @admin.display(description=_("clock ahead by"))
    def drift(self, row: WorkerState) -> str:
        return widgets.duration(row.clock_drift)

    @admin.display(description=_("load"))
    def load(self, row: WorkerState) -> str:
        return " ".join(f"{load:.2f}" for load in row.loadavg) or widgets.DASH

    @admin.display(description=_("software"))
    def software(self, row: WorkerState) -> str:
        return " ".join(filter(None, (row.sw_ident, row.sw_ver))) or widgets.DASH
