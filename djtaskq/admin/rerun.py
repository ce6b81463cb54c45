"""Running one task again, from a form: its stored arguments, or those that a person types."""

import dataclasses
import json
import uuid
from typing import TYPE_CHECKING, Any

from celery import current_app
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.admin import widgets
from djtaskq.admin.calls import call_problem, checked_json
from djtaskq.arguments import Arguments
from djtaskq.calling import BROKER_AWAY, NotSent
from djtaskq.redaction import MARK
from djtaskq.redactor import redactor

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # generic for the type checker alone
    _ModelAdmin = object


class RerunForm(forms.Form):
    """What to call the task with; `token` is the new task's id, so that a form counts once.

    Secrets among `stored` arguments are not shown: what stands in their place is them when it comes back.
    """

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

    def __init__(
        self, data: Any = None, *, task_name: str, stored: Arguments | None = None, queue: str = ""
    ) -> None:
        first = {
            "args": _shown(stored.args) if stored else "",
            "kwargs": _shown(stored.kwargs) if stored else "",
            "queue": queue,
            "token": uuid.uuid4(),
        }
        super().__init__(data, initial=first)
        self._task_name = task_name
        self._stored = stored

    def clean_args(self) -> str:
        return self._restored("args", list)

    def clean_kwargs(self) -> str:
        return self._restored("kwargs", dict)

    def _restored(self, name: str, shape: type) -> str:
        text = checked_json(self.cleaned_data[name], shape)
        if MARK not in text:
            return text
        original = json.loads(getattr(self._stored, name)) if self._stored else None
        try:
            return json.dumps(redactor().restored(json.loads(text), original))
        except ValueError as error:
            raise forms.ValidationError(
                _("%(mark)s stands where nothing is known to be put in its place: type the value."),
                params={"mark": MARK},
                code="invalid",
            ) from error

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


def _shown(text: str) -> str:
    return json.dumps(redactor().value(json.loads(text)), ensure_ascii=False)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """A task that may be run again: its row in a list, and what is known of how it was called.

    `args` and `kwargs` are texts for people, shown where no `stored` arguments are.
    """

    row: Any
    task_id: str
    name: str
    queue: str = ""
    stored: Arguments | None = None
    args: str = ""
    kwargs: str = ""


class Rerunning(_ModelAdmin):
    """The form that runs one task again; a part of an admin class, which says what, who may, and how."""

    rerun_url_name: str
    no_name: Any = gettext_lazy("The task's name is not known.")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.run_again_view)
        return [path("<path:object_id>/run-again/", view, name=self.rerun_url_name), *super().get_urls()]

    def has_run_again_permission(self, request: HttpRequest) -> bool:
        raise NotImplementedError

    def to_run_again(self, pk: int) -> Again | None:
        """The task of that row."""
        raise NotImplementedError

    def send_again(self, task: Again, arguments: Arguments, token: uuid.UUID, queue: str, user: str) -> bool:
        """Send it as `token`; False if that was done before. Raises `NotSent`, or the broker's errors."""
        raise NotImplementedError

    def page_of_sent(self, token: str) -> str:
        """The URL where the new task is going to be seen."""
        raise NotImplementedError

    def run_again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        pk = unquote(object_id)
        task = self.to_run_again(int(pk)) if pk.isdecimal() else None
        if task is None:
            raise Http404
        if not (self.has_view_permission(request, task.row) and self.has_run_again_permission(request)):
            raise PermissionDenied
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[task.row.pk])
        if not task.name:
            messages.error(request, self.no_name)
            return HttpResponseRedirect(back)
        data = request.POST if request.method == "POST" else None
        form = RerunForm(data, task_name=task.name, stored=task.stored, queue=task.queue)
        if form.is_valid() and self._sent(request, task, form):
            return HttpResponseRedirect(back)
        return TemplateResponse(request, "djtaskq/run_again.html", self._context(request, task, form))

    def _context(self, request: HttpRequest, task: Again, form: RerunForm) -> dict[str, Any]:
        texts = {name: widgets.block(redactor().text(getattr(task, name))) for name in ("args", "kwargs")}
        return {
            **self.admin_site.each_context(request),
            "title": _("Run again"),
            "subtitle": task.name,
            "form": form,
            "opts": self.opts,
            "media": self.media,
            "task": task,
            "row": task.row,
            "queues": sorted(current_app.amqp.queues),
            "shown": None if task.stored else texts,
        }

    def _sent(self, request: HttpRequest, task: Again, form: RerunForm) -> bool:
        """Send it, and say so; False with the reason in the form, for another try."""
        token, queue = form.cleaned_data["token"], form.cleaned_data["queue"]
        try:
            sent = self.send_again(task, form.arguments(), token, queue, request.user.get_username())
        except NotSent as error:
            form.add_error(None, str(error))
            return False
        except BROKER_AWAY as error:
            form.add_error(None, _("The broker cannot be reached, and nothing was sent: %s") % error)
            return False
        if sent:
            self.log_change(request, task.row, f"Run again as {token}.")
        link = format_html('<a href="{}">{}</a>', self.page_of_sent(str(token)), str(token))
        messages.success(
            request, format_html(_("Sent as {}.") if sent else _("It was sent before, as {}."), link)
        )
        return True
