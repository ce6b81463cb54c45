"""The list of periodic tasks and the page of each, under django-celery-beat's own URLs."""

import functools
import time
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import PeriodicTask

from djtaskq.admin.lists import CappedPaginator
from djtaskq.admin.live import LiveAdmin, every
from djtaskq.admin.sites import replace
from djtaskq_beat.admin import filters
from djtaskq_beat.admin.actions import Actions
from djtaskq_beat.admin.columns import Columns, fill
from djtaskq_beat.admin.declared import DeclaredTaskInline
from djtaskq_beat.admin.deletion import LightTaskDeletion
from djtaskq_beat.admin.forms import PeriodicTaskForm
from djtaskq_beat.admin.pages import Pages
from djtaskq_beat.admin.policies import RunPolicyInline
from djtaskq_beat.admin.sorting import KnownFirst
from djtaskq_beat.checks import scheduler_class
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.schedulers import DatabaseScheduler
from djtaskq_beat.timetable import KINDS


class PeriodicTaskAdmin(LiveAdmin, LightTaskDeletion, Pages, Actions, Columns):
    """django-celery-beat's admin with the timetable: what runs next, what ran, and how it ended."""

    form = PeriodicTaskForm
    inlines = (RunPolicyInline, DeclaredTaskInline)
    autocomplete_fields = KINDS
    date_hierarchy = None
    list_display = ("name_and_schedule", "enabled", "next_run_at", "last_outcome", "lateness")
    list_filter = (
        "enabled",
        filters.KindFilter,
        filters.ConditionFilter,
        filters.LatelyFilter,
        "one_off",
        filters.TaskFilter,
        filters.QueueFilter,
    )
    list_per_page = 50
    ordering = ("name",)
    search_help_text = gettext_lazy("A part of a schedule's name, or of its task's")
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "djtaskq_beat/periodic_task_list.html"
    empty_page = "djtaskq_beat/no_periodic_tasks.html"

    class Media:
        css = {"all": ["djtaskq_beat/beat.css"]}
        js = ["djtaskq_beat/validation.js"]

    def get_fieldsets(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        # Their translation of the crontab is filled by an inline script.
        hidden = {"crontab_translation"}
        if obj is not None and not self.has_change_permission(request, obj):
            hidden.add("regtask")  # a second way to enter the task, of which there is nothing to see
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in self.fieldsets
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        tasks: QuerySet[PeriodicTask] = admin.ModelAdmin.get_queryset(self, request)
        return tasks

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002  Django's signature
        return _TaskList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if _wrong_scheduler():
            messages.warning(
                request, _("Periodic tasks are not run by djtaskq: set CELERY_BEAT_SCHEDULER = “djtaskq”.")
            )
        context = {"empty_page": self.empty_page, "title": _("Schedules"), **(extra_context or {})}
        page = functools.partial(admin.ModelAdmin.changelist_view, self, request, context)
        return self.answered(request, None, page)

    def live_fingerprint(self, request: HttpRequest, object_id: str | None = None) -> Any:  # noqa: ARG002  Django's signature
        """What beat did last, and to this task; how tasks ended is known elsewhere, and comes later."""
        runs, plans = TaskRun.objects.all(), NextRun.objects.all()
        if object_id is not None:
            if not object_id.isdecimal():
                return time.time_ns()
            runs, plans = runs.filter(periodic_task=object_id), plans.filter(pk=object_id)
        return runs.aggregate(Max("pk")), plans.aggregate(Max("run_at")), every(10)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        fill(changelist.result_list)
        return changelist

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        super().save_model(request, obj, form, change)
        for warnings in form.warnings.values():
            for warning in warnings:
                messages.warning(request, warning)


class _TaskList(ChangeList):
    """Sorted by the next run, those that have none are left out: an index finds the others in their order.

    Sorted by what many have in common, they are in the order of their names.
    """

    by_next_run = False

    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        tasks: QuerySet[Any] = super().get_queryset(*args, **kwargs)
        terms = [term for term in tasks.query.order_by if term not in ("pk", "-pk")]
        if any(isinstance(term, KnownFirst) for term in terms):
            tasks = tasks.order_by(*terms, "name")
        self.by_next_run = any("next_run__run_at" in str(term) for term in terms)
        return tasks.filter(next_run__run_at__isnull=False) if self.by_next_run else tasks


def _wrong_scheduler() -> bool:
    path = getattr(settings, "CELERY_BEAT_SCHEDULER", None)
    if not isinstance(path, str) or not path:
        return False  # it may be given to `celery beat -S`, which cannot be seen from here
    try:
        return not issubclass(scheduler_class(path) or object, DatabaseScheduler)
    except (ImportError, AttributeError, ValueError, TypeError):
        return True


replace(PeriodicTask, PeriodicTaskAdmin)
