"""Running one task again, from a form: its stored arguments, or those that a person types."""

import uuid
from typing import Any

from celery import current_app
from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_results.models import TaskResult

from djtaskq.admin import widgets
from djtaskq.admin.calls import call_problem, checked_json
from djtaskq.arguments import Arguments
from djtaskq_results import again, operations, queries
from djtaskq_results.admin.actions import Actions


class RerunForm(forms.Form):
    """What to call the task with; `token` is the new task's id, so that a form counts once."""

    args = forms.CharField(
        label=gettext_lazy("Arguments"),
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80, "spellcheck": "false"}),
        help_text=gettext_lazy("A JSON list."),
    )
    kwargs = forms.CharField(
        label=gettext_lazy("Keyword arguments"),
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80, "spellcheck": "false"}),
        help_text=gettext_lazy("A JSON object."),
    )
    queue = forms.CharField(
        label=gettext_lazy("Queue"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("Leave it empty for the queue that the task is routed to."),
    )
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, task_name: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._task_name = task_name

    def clean_args(self) -> str:
        return checked_json(self.cleaned_data["args"], list)

    def clean_kwargs(self) -> str:
        return checked_json(self.cleaned_data["kwargs"], dict)

    def clean(self) -> Any:
        data = super().clean()
        current_app.loader.import_default_modules()
        task: Any = current_app.tasks.get(self._task_name)
        if task is not None and task.typing and not self.errors:
            problem = call_problem(task, *self.arguments().loaded())
            if problem is not None:
                self.add_error(*problem)
        return data

    def arguments(self) -> Arguments:
        return Arguments(self.cleaned_data["args"], self.cleaned_data["kwargs"])


class Rerunning(Actions):
    """The form that runs one task again; a part of the admin class of results."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.run_again_view)
        return [
            path("<path:object_id>/run-again/", view, name="djtaskq_results_run_again"),
            *super().get_urls(),
        ]

    def run_again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        pk = unquote(object_id)
        row: Any = TaskResult.objects.filter(pk=pk).first() if pk.isdecimal() else None
        if row is None:
            raise Http404
        if not (self.has_view_permission(request, row) and self.has_run_again_permission(request)):
            raise PermissionDenied
        if not row.task_name:
            messages.error(request, _("The task's name is not stored: set result_extended for the worker."))
            return _back_to(row)
        detail = queries.detail_of(row.task_id)
        stored = again.stored_arguments(row, detail)
        if request.method == "POST":
            form = RerunForm(request.POST, task_name=row.task_name)
            if form.is_valid() and self._sent(request, row, form):
                return _back_to(row)
        else:
            first = {
                "args": stored.args if stored else "",
                "kwargs": stored.kwargs if stored else "",
                "queue": (detail and detail.queue) or "",
                "token": uuid.uuid4(),
            }
            form = RerunForm(initial=first, task_name=row.task_name)
        return TemplateResponse(
            request,
            "djtaskq_results/run_again.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Run again"),
                "subtitle": row.task_name,
                "form": form,
                "opts": self.opts,
                "media": self.media,
                "row": row,
                "queues": sorted(current_app.amqp.queues),
                "shown": None if stored else _shown(row),
            },
        )

    def _sent(self, request: HttpRequest, row: Any, form: RerunForm) -> bool:
        """Send it, and say so; False with the reason in the form, for another try."""
        token = form.cleaned_data["token"]
        try:
            sent = again.send_once(
                current_app,
                row,
                form.arguments(),
                task_id=token,
                queue=form.cleaned_data["queue"],
                username=request.user.get_username(),
            )
        except again.NotSent as error:
            form.add_error(None, str(error))
            return False
        except operations.BROKER_AWAY as error:
            form.add_error(None, _("The broker cannot be reached, and nothing was sent: %s") % error)
            return False
        if sent:
            self.log_change(request, row, f"Run again as {token}.")
        where = reverse("admin:django_celery_results_taskresult_changelist", query={"q": str(token)})
        text = _("Sent as {}.") if sent else _("It was sent before, as {}.")
        messages.success(request, format_html(text, format_html('<a href="{}">{}</a>', where, str(token))))
        return True


def _shown(row: Any) -> dict[str, Any]:
    """The text that messages carry for people: to be read, and typed again by whoever understands it."""
    args, kwargs = (queries.value(text, row.content_type) for text in (row.task_args, row.task_kwargs))
    return {"args": widgets.block(str(args or "")), "kwargs": widgets.block(str(kwargs or ""))}


def _back_to(row: Any) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:django_celery_results_taskresult_change", args=[row.pk]))
