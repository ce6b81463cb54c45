"""The pages of cameras."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Max
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import lists, widgets
from djtaskq.admin.live import LiveAdmin, every
from djtaskq_monitor.models import CameraState


@admin.register(CameraState)
class CameraStateAdmin(LiveAdmin, lists.BigTableAdmin):
    list_display = ("__str__", "badge", "wrote", "received", "written", "dropped", "set_aside", "not_seen")
    empty_page = "djtaskq_monitor/no_cameras.html"
    readonly_fields = (
        *("host", "pid", "badge", "queue", "freq", "began", "wrote", "ended"),
        *("received", "written", "pending", "rejected", "dropped", "set_aside"),
        *("not_seen", "away", "error"),
    )
    fields = readonly_fields

    def live_fingerprint(self, request: HttpRequest, object_id: str | None = None) -> Any:  # noqa: ARG002  one for both
        # A camera is lost without anybody writing it.
        return CameraState.objects.order_by().aggregate(Max("last_write"), Count("pk")), every(5)

    @admin.display(description=_("status"))
    def badge(self, row: CameraState) -> SafeString:
        return widgets.state_badge("online" if row.running() else "offline" if row.stopped else "lost")

    @admin.display(description=_("started"))
    def began(self, row: CameraState) -> str:
        return widgets.when(row.started)

    @admin.display(description=_("last write"))
    def wrote(self, row: CameraState) -> str:
        return widgets.when(row.last_write)

    @admin.display(description=_("stopped"))
    def ended(self, row: CameraState) -> str:
        return widgets.when(row.stopped)

    @admin.display(description=_("tasks missed"))
    def not_seen(self, row: CameraState) -> str:
        return widgets.DASH if row.missed is None else str(row.missed)

    @admin.display(description=_("away"))
    def away(self, row: CameraState) -> str:
        if row.away_from is None or row.away_until is None:
            return widgets.DASH
        return gettext("from %(since)s to %(until)s: events of that time are lost") % {
            "since": widgets.exactly(row.away_from),
            "until": widgets.exactly(row.away_until),
        }

    @admin.display(description=_("last error"))
    def error(self, row: CameraState) -> str:
        if not row.last_error:
            return widgets.DASH
        return format_html("{}{}", widgets.when(row.last_error_at), widgets.block(row.last_error))
