"""The beats, as they report themselves, and the alerts that they raised: to be read, not to be changed."""

from typing import Any

from django.contrib import admin
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import widgets
from djtaskq.admin.lists import BigTableAdmin, StateFilter
from djtaskq.admin.live import LiveAdmin
from djtaskq_beat.admin.columns import exact
from djtaskq_beat.heartbeat import alive
from djtaskq_beat.models import Alert, Beat


class _Read(LiveAdmin, BigTableAdmin):
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  Django's signature
        return False


@admin.register(Beat)
class BeatAdmin(_Read):
    list_display = ("status", "beat", "last_tick", "work", "problem_shown")
    list_display_links = ("beat",)
    ordering = ("-seen_at",)
    empty_page = "djtaskq_beat/no_beats.html"
    readonly_fields = (
        *("status", "name", "hostname", "pid", "version", "started", "seen", "stopped"),
        *("claimed", "published", "problem_shown", "declaration"),
    )
    fields = readonly_fields

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        living = _living()
        for beat in changelist.result_list:
            beat.is_alive = beat.pk in living
        return changelist

    @admin.display(description=_("status"))
    def status(self, beat: Beat) -> SafeString:
        if beat.stopped_at is not None:
            return widgets.state_badge("stopped")
        is_alive = getattr(beat, "is_alive", None)
        if is_alive is None:
            is_alive = beat.pk in _living()
        return widgets.state_badge("alive" if is_alive else "silent")

    @admin.display(description=_("beat, started"))
    def beat(self, beat: Beat) -> SafeString:
        return widgets.stacked(beat.name, widgets.exactly(beat.started_at))

    started = exact("started_at", _("started at"))
    seen = exact("seen_at", _("last tick"))
    stopped = exact("stopped_at", _("stopped at"))

    @admin.display(description=_("last tick"))
    def last_tick(self, beat: Beat) -> SafeString | str:
        return widgets.when(beat.seen_at)

    @admin.display(description=_("claimed, published"))
    def work(self, beat: Beat) -> SafeString:
        return widgets.stacked(f"{beat.claimed:,}", f"{beat.published:,}")

    @admin.display(description=_("problem"))
    def problem_shown(self, beat: Beat) -> SafeString | str:
        return widgets.badge("bad", "✗", beat.problem) if beat.problem else widgets.DASH


class KindFilter(StateFilter):
    title = _("kind")
    parameter_name = "kind"
    states = Alert.Kind.values


@admin.register(Alert)
class AlertAdmin(_Read):
    list_display = ("kind_shown", "what", "raised", "sent")
    list_display_links = ("what",)
    list_filter = (KindFilter,)
    ordering = ("-id",)
    empty_page = "djtaskq_beat/no_alerts.html"
    readonly_fields = ("kind_shown", "text", "of_run", "raised_exactly", "sent_exactly", "send_exactly")
    fields = readonly_fields

    def listed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.select_related("run").defer("run__reason")

    @admin.display(description=_("kind"))
    def kind_shown(self, alert: Alert) -> SafeString:
        return widgets.state_badge(alert.kind)

    @admin.display(description=_("schedule, alert"))
    def what(self, alert: Alert) -> SafeString:
        return widgets.stacked(alert.run.name, alert.text[:200])

    @admin.display(description=_("run"))
    def of_run(self, alert: Alert) -> SafeString:
        url = reverse("admin:djtaskq_beat_taskrun_change", args=[alert.run_id])
        return format_html('<a href="{}">{}</a>', url, str(alert.run))

    raised_exactly = exact("raised_at", _("raised at"))
    sent_exactly = exact("sent_at", _("sent at"))
    send_exactly = exact("send_at", _("send at"))

    @admin.display(description=_("raised"))
    def raised(self, alert: Alert) -> SafeString | str:
        return widgets.when(alert.raised_at)

    @admin.display(description=_("sent"))
    def sent(self, alert: Alert) -> SafeString | str:
        return widgets.when(alert.sent_at)


def _living() -> set[str]:
    return set(alive(router.db_for_read(Beat)).values_list("pk", flat=True))
