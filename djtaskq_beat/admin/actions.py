"""What a person does to periodic tasks: enable, disable, run by hand; on the list and on a task's page."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_celery_beat import admin as theirs
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.manual import run_now
from djtaskq_beat.models import NextRun


class Actions(theirs.PeriodicTaskAdmin):  # type: ignore[misc]  # django-celery-beat has no types
    """The actions of the list of periodic tasks; a part of its admin class."""

    actions = ("enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks")

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
        self.run_by_hand(request, list(queryset))

    def run_by_hand(self, request: HttpRequest, tasks: Sequence[PeriodicTask]) -> None:
        """Run once now, with everything that the rows say and outside of their slots; says how it went."""
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
            text = ngettext(
                "The broker cannot be reached: beat will send %d run as soon as it can.",
                "The broker cannot be reached: beat will send %d runs as soon as it can.",
                left,
            )
            messages.warning(request, text % left)

    def _then_mark(self, action: Any, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """These actions pass by the signals: have beat look at the rows at its next tick all the same."""
        pks = list(queryset.values_list("pk", flat=True))
        action(request, queryset)
        rows = NextRun.objects.using(router.db_for_write(NextRun))
        rows.filter(pk__in=pks).mark_changed()
        rows.expect(pks, just_made=True)
