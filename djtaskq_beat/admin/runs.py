from typing import Any

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.admin import widgets
from djtaskq.admin.lists import BigTableAdmin, StateFilter
from djtaskq.admin.live import LiveAdmin, every
from djtaskq_beat.admin.columns import exact
from djtaskq_beat.lately import latest
from djtaskq_beat.models import Alert, TaskRun
from djtaskq_beat.queries import PastRun, with_outcomes


class _LatestFilter(StateFilter):
    """A value among the newest runs; of one schedule's, among all of them: an index finds those."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        found = super().queryset(request, queryset)
        return found if "periodic_task__exact" in request.GET else latest(found)


class RunFilter(_LatestFilter):
    title = _("state, of the latest runs")
    parameter_name = "state"
    states = TaskRun.State.values


class OutcomeFilter(_LatestFilter):
    title = _("outcome, of the latest runs")
    parameter_name = "outcome"
    states = ("SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED")


class TriggerFilter(_LatestFilter):
    title = _("trigger, of the latest runs")
    parameter_name = "trigger"
    states = TaskRun.Trigger.values


@admin.register(TaskRun)
class TaskRunAdmin(LiveAdmin, BigTableAdmin):
    """The history of all schedules: what became of each slot."""

    list_display = ("state_shown", "schedule", "late", "how_it_ended", "links")
    list_display_links = ("schedule",)
    list_filter = (OutcomeFilter, RunFilter, TriggerFilter)
    ordering = ("-id",)
    list_per_page = 50
    readonly_fields = (
        *(
            "of_schedule",
            "due",
            "through_shown",
            "runs_at",
            "trigger",
            "state_shown",
            "reason",
            "alerts_shown",
        ),
        *("late", "how_it_ended", "finished", "took", "error", "links"),
        *("task_id", "claimed", "claimed_by", "published", "attempts", "retry"),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("of_schedule", "due", "through_shown", "runs_at", "trigger"),
                    *("state_shown", "reason", "alerts_shown"),
                )
            },
        ),
        (_("Outcome"), {"fields": ("how_it_ended", "finished", "took", "error", "links")}),
        (
            _("Publishing"),
            {
                "fields": (
                    *("late", "task_id", "claimed", "claimed_by"),
                    *("published", "attempts", "retry"),
                )
            },
        ),
    )
    empty_page = "djtaskq_beat/no_runs.html"

    def live_fingerprint(self, request: HttpRequest, object_id: str | None = None) -> Any:  # noqa: ARG002  one for all
        # How a task ended is known elsewhere, and comes later.
        return TaskRun.objects.aggregate(Max("pk")), every(10)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  Django's signature
        return False

    def listed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.defer("reason").prefetch_related("alerts")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        for past in with_outcomes(changelist.result_list):
            past.record.past_run = past  # type: ignore[attr-defined]  # for the columns below
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        run: Any = super().get_object(request, object_id, from_field)
        if run is not None:
            (run.past_run,) = with_outcomes([run])
        return run

    @admin.display(description=_("schedule, due"))
    def schedule(self, run: TaskRun) -> SafeString:
        return widgets.stacked(run.name, widgets.exactly(run.slot))

    @admin.display(description=_("schedule"))
    def of_schedule(self, run: TaskRun) -> SafeString | str:
        if not PeriodicTask._default_manager.filter(pk=run.periodic_task_id).exists():
            return format_html("{} {}", run.name, widgets.muted(str(_("(deleted)"))))
        url = reverse("admin:django_celery_beat_periodictask_change", args=[run.periodic_task_id])
        return format_html('<a href="{}">{}</a>', url, run.name)

    due = exact("slot", _("due"))
    through_shown = exact("through", _("through"))
    runs_at = exact("due_at", _("runs at"))
    claimed = exact("claimed_at", _("claimed at"))
    published = exact("published_at", _("published at"))
    retry = exact("retry_at", _("retry at"))

    @admin.display(description=_("state"))
    def state_shown(self, run: TaskRun) -> SafeString:
        return widgets.state_badge(run.state)

    @admin.display(description=_("late by"))
    def late(self, run: TaskRun) -> str:
        return widgets.duration(_past(run).late)

    @admin.display(description=_("outcome"))
    def how_it_ended(self, run: TaskRun) -> SafeString | str:
        past = _past(run)
        shown = widgets.state_badge(past.ended_as) if past.ended_as else widgets.DASH
        kinds = [alert.kind for alert in _alerts(run)]
        if not kinds:
            return shown
        raised = format_html_join(" ", "{}", ((widgets.badge("warning", "!", kind),) for kind in kinds))
        return format_html("{}<br>{}", shown, raised)

    @admin.display(description=_("finished at"))
    def finished(self, run: TaskRun) -> str:
        return widgets.exactly(_past(run).finished)

    @admin.display(description=_("took"))
    def took(self, run: TaskRun) -> str:
        return widgets.duration(_past(run).runtime)

    @admin.display(description=_("error"))
    def error(self, run: TaskRun) -> SafeString | str:
        outcome = _past(run).outcome
        return widgets.block(outcome.error if outcome is not None else "")

    @admin.display(description=_("alerts"))
    def alerts_shown(self, run: TaskRun) -> SafeString | str:
        texts = [(alert.get_kind_display(), alert.text) for alert in _alerts(run)]
        return format_html_join("", "<div>{}: {}</div>", texts) if texts else widgets.DASH

    @admin.display(description=_("see"))
    def links(self, run: TaskRun) -> SafeString | str:
        outcome = _past(run).outcome
        links = outcome.links if outcome is not None else ()
        return format_html_join(" · ", '<a href="{}">{}</a>', ((link.url, link.label) for link in links))


def _past(run: TaskRun) -> PastRun:
    past: PastRun = getattr(run, "past_run", None) or PastRun(run, None)
    return past


def _alerts(run: Any) -> list[Alert]:
    return list(run.alerts.all())
