"""The page of one periodic task: what is to come, what was, and what a person can do about it."""

import datetime as dt
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import router
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_celery_beat.models import PeriodicTask

from djtaskq.admin import widgets
from djtaskq_beat.admin.strip import strip
from djtaskq_beat.admin.upcoming import coming_runs
from djtaskq_beat.admin.validation import Validation
from djtaskq_beat.admin.words import in_words
from djtaskq_beat.copies import duplicate
from djtaskq_beat.models import RunPolicy
from djtaskq_beat.outlook import outlook
from djtaskq_beat.queries import last_runs
from djtaskq_beat.rows import read
from djtaskq_beat.spelling import notation

IN_STRIP = 30
IN_TABLE = 10


class _PauseForm(forms.Form):
    until = forms.DateTimeField()

    def clean_until(self) -> dt.datetime:
        until: dt.datetime = self.cleaned_data["until"]
        if timezone.is_naive(until):
            until = timezone.make_aware(until)
        if until <= timezone.now():
            raise forms.ValidationError(_("A pause must end in the future."))
        return until


class Pages(Validation):
    """A periodic task's page and its buttons; a part of its admin class."""

    change_form_template = "djtaskq_beat/periodic_task_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        buttons = [
            path(
                f"<path:object_id>/{slug}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"djtaskq_beat_{name}",
            )
            for slug, name, view in (
                ("run-now", "run_now", self.run_now_view),
                ("pause", "pause", self.pause_view),
                ("resume", "resume", self.resume_view),
                ("duplicate", "duplicate", self.duplicate_view),
            )
        ]
        return [*buttons, *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """A task whose crontab names a zone that is none comes without it, so that it can be mended."""
        task = super().get_object(request, object_id, from_field)
        try:
            getattr(task, "crontab", None)
        except ValidationError as error:
            task.crontab = None
            text = _("Its crontab cannot be read: %s Choose another schedule.")
            messages.error(request, text % " ".join(error.messages))
        return task

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), **self._timetable(request, object_id)}
        # Past their own view, which reads every crontab there is.
        response: HttpResponse = admin.ModelAdmin.changeform_view(self, request, object_id, form_url, context)
        saved = request.method == "POST" and response.status_code == HTTPStatus.FOUND
        if saved and request.POST.get("queue", "").strip():
            # Workers take their time to answer: by now the transaction is over, and its locks are gone.
            warning = self.queue_warning(request)
            if warning:
                messages.warning(request, warning)
        return response

    def run_now_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        task = self._to_change(request, object_id)
        self.run_by_hand(request, [task])
        return _back_to(task)

    def pause_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        task = self._to_change(request, object_id)
        form = _PauseForm(request.POST)
        if not form.is_valid():
            messages.error(request, " ".join(str(error) for error in form.errors["until"]))
            return _back_to(task)
        until = form.cleaned_data["until"]
        RunPolicy.objects.update_or_create(periodic_task=task, defaults={"paused_until": until})
        self.log_change(request, task, f"Paused until {widgets.exactly(until)}.")
        text = _("Paused until %s: the slots until then are skipped.")
        messages.success(request, text % widgets.exactly(until))
        return _back_to(task)

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        task = self._to_change(request, object_id)
        policy = RunPolicy.objects.filter(pk=task.pk, paused_until__isnull=False).first()
        if policy is not None:
            policy.paused_until = None
            policy.save(update_fields=["paused_until"])
            self.log_change(request, task, "Resumed.")
            messages.success(request, _("Resumed: it runs at its next slot."))
        return _back_to(task)

    def duplicate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        task = self._posted(request, object_id)
        if not (self.has_view_permission(request, task) and self.has_add_permission(request)):
            raise PermissionDenied
        try:
            copy = duplicate(task)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return _back_to(task)
        self.log_addition(request, copy, f"Duplicated from {task.name}.")
        messages.success(
            request, _("This is a copy, and disabled: change what is to differ, then enable it.")
        )
        return _back_to(copy)

    def _posted(self, request: HttpRequest, object_id: str) -> PeriodicTask:
        task = self.get_object(request, unquote(object_id))
        if task is None:
            raise Http404
        return task

    def _to_change(self, request: HttpRequest, object_id: str) -> PeriodicTask:
        task = self._posted(request, object_id)
        if not self.has_change_permission(request, task):
            raise PermissionDenied
        return task

    def _timetable(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        """What the page shows beside the form; seven statements, and one for each app that knows outcomes."""
        row = None
        if object_id and object_id.isdecimal():
            row = read(router.db_for_read(PeriodicTask), [int(object_id)]).get(int(object_id))
        if row is None or not self.has_view_permission(request):
            return {}
        now = timezone.now()
        to_come = outlook(row, now)
        runs = last_runs(row.pk, IN_STRIP)
        return {
            "panel_template": "djtaskq_beat/periodic_task_panel.html",
            "row": row,
            "in_words": in_words(row),
            "notation": notation(row),
            "outlook": to_come,
            "coming_runs": coming_runs(to_come, now),
            "past_runs": runs[:IN_TABLE],
            "strip": strip(runs),
            "zone": timezone.get_current_timezone_name(),
            "default_pause": timezone.localtime(now + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
            "may_add": self.has_add_permission(request),
            "may_change": self.has_change_permission(request),
        }


def _back_to(task: PeriodicTask) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]))
