"""Revoking and terminating tasks: one from its page, several or all that match from the list."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from djtaskq_monitor.admin.performing import may, perform_on_tasks, tell
from djtaskq_monitor.control.commands import COMMANDS, Command
from djtaskq_monitor.control.forms import SignalForm
from djtaskq_monitor.fleet import fleet
from djtaskq_monitor.models import TaskState

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[TaskState]
else:  # generic for the type checker alone
    _ModelAdmin = object

# So many are done at once, while the person waits; each worker looks all of them up.
MOST = 1_000
REVOKING = ("revoke", "terminate")


class _NoOptions(forms.Form):
    pass


class Revoking(_ModelAdmin):
    """The actions `REVOKING` of a list of tasks, and the URLs behind `task_actions.html` of a task's page.

    An admin class that has it names the actions among its own; templates get what `revoking(request, row)`
    gives.
    """

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(require_POST(self.revoking_view)),
                {"name": name},
                name=f"djtaskq_monitor_taskstate_{name}",
            )
            for name in REVOKING
        ] + super().get_urls()

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and may(request, COMMANDS["revoke"])

    def has_terminate_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and may(request, COMMANDS["terminate"])

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._revoke_many(request, queryset, COMMANDS["revoke"])

    @admin.action(description=gettext_lazy("Terminate"), permissions=["terminate"])
    def terminate(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._revoke_many(request, queryset, COMMANDS["terminate"])

    def revoking(self, request: HttpRequest, row: TaskState) -> dict[str, Any]:
        """What `djtaskq_monitor/task_actions.html` shows: buttons for what this user may do to the task."""
        return {
            "task_pk": row.pk,
            "may_revoke": not row.ended and self.has_revoke_permission(request),
            "may_terminate": not row.ended and self.has_terminate_permission(request),
        }

    def revoking_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Revoke one task at once; terminate it once that was confirmed."""
        pk, command = unquote(object_id), COMMANDS[name]
        if not getattr(self, f"has_{name}_permission")(request):
            raise PermissionDenied
        row = TaskState.objects.filter(pk=pk).first() if pk.isdecimal() else None
        if row is None:
            raise Http404
        back = HttpResponseRedirect(reverse("admin:djtaskq_monitor_taskstate_change", args=[row.pk]))
        if row.ended:
            messages.warning(request, _("The task has ended already: %s.") % row.state)
            return back
        confirmed = request.POST.get("confirmed") == "yes"
        form = _form(request, command, confirmed=confirmed)
        if command.destroys and not (confirmed and form.is_valid()):
            where = reverse("admin:djtaskq_monitor_taskstate_change", args=[row.pk])
            return self._asked(request, command, form, {"row": row, "count": 1, "back": where})
        if not form.is_valid():
            return back
        self._do(request, command, form, [row])
        return back

    def _revoke_many(
        self, request: HttpRequest, queryset: QuerySet[Any], command: Command
    ) -> HttpResponse | None:
        confirmed = request.POST.get("confirmed") == "yes"
        form = _form(request, command, confirmed=confirmed)
        up_to = request.POST.get("up_to", "")
        # What came after the question was asked is not meant.
        last = int(up_to) if confirmed and up_to.isdecimal() else _newest()
        rows = queryset.filter(outcome=None, pk__lte=last).order_by().only("pk", "task_id", "name", "state")
        unended = list(rows[: MOST + 1])
        if len(unended) > MOST:
            text = _(
                "More than %(most)d of these tasks have not ended, and that is as many as can be done at"
                " once. Narrow the list by task, worker, queue or time."
            )
            messages.error(request, text % {"most": MOST})
            return None
        if not unended:
            messages.warning(request, _("All of these tasks have ended: there is nothing to do."))
            return None
        if not (confirmed and form.is_valid()):
            across = request.POST.get("select_across") == "1"
            selected = [pk for pk in request.POST.getlist(ACTION_CHECKBOX_NAME) if pk.isdecimal()]
            context = {
                "count": len(unended),
                "action": command.name,
                "checkbox": ACTION_CHECKBOX_NAME,
                # Without one, the admin says that nothing is selected.
                "selected": selected[:1] if across else selected,
                "select_across": across,
                "up_to": last,
                "back": reverse("admin:djtaskq_monitor_taskstate_changelist"),
            }
            return self._asked(request, command, form, context)
        self._do(request, command, form, unended)
        return None

    def _asked(
        self, request: HttpRequest, command: Command, form: forms.Form, context: dict[str, Any]
    ) -> TemplateResponse:
        shown = {
            **self.admin_site.each_context(request),
            "title": _("Terminate") if command.name == "terminate" else _("Revoke"),
            "command": command,
            "form": form,
            "opts": self.opts,
            "media": self.media,
            **context,
        }
        return TemplateResponse(request, "djtaskq_monitor/confirm_revoking.html", shown)

    def _do(
        self, request: HttpRequest, command: Command, form: forms.Form, tasks: Sequence[TaskState]
    ) -> None:
        ids = [task.task_id for task in tasks]
        signal = form.cleaned_data.get("signal", "")
        values = {"task_id": ids, "terminate": bool(signal), **({"signal": signal} if signal else {})}
        said = f"Terminate with {signal}" if signal else "Revoke"
        outcome = perform_on_tasks(request, command, values, fleet().online, tasks, said=said)
        if outcome is not None:
            tell(request, command.say({"ids": ids, "signal": signal}), outcome)


def _form(request: HttpRequest, command: Command, *, confirmed: bool) -> forms.Form:
    kind = SignalForm if command.name == "terminate" else _NoOptions
    return kind(request.POST if confirmed or not command.destroys else None)


def _newest() -> int:
    return int(TaskState.objects.order_by().aggregate(newest=Max("pk"))["newest"] or 0)
