from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_celery_beat import admin as theirs
from django_celery_beat.models import PeriodicTask

from djtaskq.admin import widgets
from djtaskq.admin.lists import CappedPaginator
from djtaskq.admin.sites import replace
from djtaskq_beat.admin.forms import PeriodicTaskForm
from djtaskq_beat.checks import scheduler_class
from djtaskq_beat.manual import run_now
from djtaskq_beat.models import NextRun, RunPolicy
from djtaskq_beat.queries import PastRun, last_runs, runs_by_key, upcoming, with_last_run
from djtaskq_beat.schedulers import DatabaseScheduler

if TYPE_CHECKING:
    _StackedInline = admin.StackedInline[RunPolicy, PeriodicTask]
else:  # generic for the type checker alone
    _StackedInline = admin.StackedInline

_SCHEDULES = ("interval", "crontab", "solar", "clocked")


class RunPolicyInline(_StackedInline):
    model = RunPolicy
    extra = 0
    max_num = 1


class PeriodicTaskAdmin(theirs.PeriodicTaskAdmin):  # type: ignore[misc]  # django-celery-beat has no types
    """django-celery-beat's admin with the timetable: what runs next, what ran, and how it ended."""

    form = PeriodicTaskForm
    change_form_template = "djtaskq_beat/periodic_task_change_form.html"
    inlines = (RunPolicyInline,)
    autocomplete_fields = _SCHEDULES
    date_hierarchy = None
    list_display = ("name_and_schedule", "enabled", "next_run_at", "last_outcome")
    list_filter = ("enabled", "one_off")
    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ("enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks")

    class Media:
        css = {"all": ["djtaskq/djtaskq.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:  # noqa: ARG002
        # Their translation of the crontab is filled by an inline script.
        return [
            (
                title,
                {**options, "fields": [name for name in options["fields"] if name != "crontab_translation"]},
            )
            for title, options in self.fieldsets
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        return with_last_run(admin.ModelAdmin.get_queryset(self, request)).select_related(
            *_SCHEDULES, "next_run"
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), **self._timetable(request, object_id)}
        # Past their own view, which reads every crontab there is.
        return admin.ModelAdmin.changeform_view(self, request, object_id, form_url, context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if _wrong_scheduler():
            messages.warning(
                request, _("Periodic tasks are not run by djtaskq: set CELERY_BEAT_SCHEDULER = “djtaskq”.")
            )
        return admin.ModelAdmin.changelist_view(self, request, extra_context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        shown = runs_by_key(task.last_run for task in changelist.result_list)
        for task in changelist.result_list:
            task.past_run = shown.get(task.last_run)
        return changelist

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        super().save_model(request, obj, form, change)
        self.celery_app.loader.import_default_modules()
        if obj.task not in self.celery_app.tasks:
            messages.warning(
                request,
                _("No task named “%s” is registered here. A worker must know it, or its runs will fail.")
                % obj.task,
            )

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def name_and_schedule(self, task: PeriodicTask) -> SafeString:
        return widgets.stacked(task.name, str(task.scheduler or ""))

    @admin.display(description=gettext_lazy("next run"), ordering="next_run__run_at")
    def next_run_at(self, task: PeriodicTask) -> SafeString | str:
        known: NextRun | None = getattr(task, "next_run", None)
        if known is not None and known.error:
            return format_html(
                '<span class="djtaskq-state djtaskq-state--bad" title="{}">✗ {}</span>',
                known.error,
                _("set aside"),
            )
        return widgets.when(known.slot if known is not None and task.enabled else None)

    @admin.display(description=gettext_lazy("last run"))
    def last_outcome(self, task: PeriodicTask) -> SafeString | str:
        past: PastRun | None = getattr(task, "past_run", None)
        if past is None:
            return widgets.DASH
        state = past.outcome.state if past.outcome is not None else past.record.state
        return format_html("{} {}", widgets.state_badge(state), widgets.when(past.record.slot))

    @admin.action(description=gettext_lazy("Enable selected tasks"), permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        self._then_mark(super().enable_tasks, request, queryset)

    @admin.action(description=gettext_lazy("Disable selected tasks"), permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        self._then_mark(super().disable_tasks, request, queryset)

    @admin.action(description=gettext_lazy("Toggle activity of selected tasks"), permissions=["change"])
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        self._then_mark(super().toggle_tasks, request, queryset)

    @admin.action(description=gettext_lazy("Run selected tasks"), permissions=["change"])
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Run once now, with everything that the row says and outside of its slots."""
        tasks = list(queryset)
        self.celery_app.loader.import_default_modules()
        outcome = run_now(
            self.celery_app,
            [task.pk for task in tasks],
            using=router.db_for_write(NextRun),
            by=f"admin:{request.user.get_username()}",
        )
        for task in tasks:
            self.log_change(request, task, _("Run by hand."))
        if sent := len(outcome.published):
            messages.success(request, ngettext("%d task was sent.", "%d tasks were sent.", sent) % sent)
        for refusal in outcome.refused:
            messages.error(request, f"{refusal.record.name}: {refusal.reason}")
        if left := len(outcome.waiting) + len(outcome.unsendable):
            messages.warning(
                request,
                ngettext(
                    "The broker cannot be reached: beat will send %d run as soon as it can.",
                    "The broker cannot be reached: beat will send %d runs as soon as it can.",
                    left,
                )
                % left,
            )

    def _then_mark(self, action: Any, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """These actions pass by the signals: have beat look at the rows at its next tick all the same."""
        pks = list(queryset.values_list("pk", flat=True))
        action(request, queryset)
        rows = NextRun.objects.using(router.db_for_write(NextRun))
        rows.filter(pk__in=pks).mark_changed()
        rows.expect(pks, just_made=True)

    def _timetable(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        task = self.get_object(request, object_id) if object_id else None
        if task is None or not self.has_view_permission(request, task):
            return {}
        return {"upcoming": upcoming(task), "past_runs": _shown(last_runs(task))}


def _shown(runs: Sequence[PastRun]) -> list[dict[str, Any]]:
    return [
        {
            "record": past.record,
            "outcome": past.outcome,
            "late": past.record.lateness.total_seconds() if past.record.lateness is not None else None,
            "links": links_of(past),
        }
        for past in runs
    ]


def links_of(past: PastRun) -> SafeString:
    """Links to the result and the state of the task, from whoever knows it."""
    found = past.outcome.links if past.outcome is not None else ()
    return format_html_join(" · ", '<a href="{}">{}</a>', ((link.url, link.label) for link in found))


def _wrong_scheduler() -> bool:
    path = getattr(settings, "CELERY_BEAT_SCHEDULER", None)
    if not isinstance(path, str) or not path:
        return False  # it may be given to `celery beat -S`, which cannot be seen from here
    try:
        return not issubclass(scheduler_class(path) or object, DatabaseScheduler)
    except (ImportError, AttributeError, ValueError, TypeError):
        return True


replace(PeriodicTask, PeriodicTaskAdmin)
