"""Commands from the pages of workers: to one, to several, or to all that match."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.admin import widgets
from djtaskq.db.among import Among
from djtaskq.redactor import redactor
from djtaskq_monitor.admin.performing import answer_text, may, perform, tell
from djtaskq_monitor.control.asking import Answer, Kind
from djtaskq_monitor.control.commands import COMMANDS, Command, command_of, customs
from djtaskq_monitor.control.forms import Arguments
from djtaskq_monitor.models import WorkerState

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[WorkerState]
else:  # generic for the type checker alone
    _ModelAdmin = object

# As many workers are told at once.
MOST = 1_000
# Of a key that is one: all that a bigint holds.
DIGITS = 18
# An answer up to this length needs no box of its own.
SHORT = 120
# What the list of workers offers itself; the rest is behind “Other command…”.
ON_LIST = (
    *("ping", "rate-limit", "pool-grow", "pool-shrink", "autoscale", "pool-restart"),
    *("add-consumer", "cancel-consumer", "enable-events", "disable-events", "shutdown"),
)
_BADGES: Mapping[Kind, tuple[str, str]] = {
    Kind.ANSWERED: ("good", "✓"),
    Kind.REFUSED: ("bad", "✗"),
    Kind.SILENT: ("warning", "!"),
    Kind.UNANSWERED: ("waiting", "…"),
}


class Commanding(_ModelAdmin):
    """The pages that give commands to workers, and the actions of their list."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "command/",
                self.admin_site.admin_view(self.commands_view),
                name="djtaskq_monitor_workerstate_commands",
            ),
            path(
                "command/<str:name>/",
                self.admin_site.admin_view(self.command_view),
                name="djtaskq_monitor_workerstate_command",
            ),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """An action for each command that is often given, and one that shows all of them."""
        given = super().get_actions(request)
        found: dict[str, Any] = {name: action for name, action in given.items() if name == "control"}
        for name in ON_LIST:
            if may(request, COMMANDS[name]):
                found[name] = (_opens(COMMANDS[name]), name, COMMANDS[name].label)
        return found

    def has_control_permission(self, request: HttpRequest) -> bool:
        return may(request, COMMANDS["ping"])

    @admin.action(description=gettext_lazy("Other command…"), permissions=["control"])
    def control(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        workers = self._few_enough(request, queryset)
        return None if workers is None else self._commands_page(request, workers)

    def commands_view(self, request: HttpRequest) -> HttpResponse:
        """All commands that this user may give, for the workers that are named."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._commands_page(request, _named(request))

    def _commands_page(self, request: HttpRequest, workers: Sequence[WorkerState]) -> HttpResponse:
        commands = [*COMMANDS.values(), *customs(current_app).values()]
        shown = [command for command in commands if may(request, command) and (workers or command.everybody)]
        if not shown:
            raise PermissionDenied
        context = {"title": _("Commands"), "commands": shown, **_about(workers)}
        return self._page(request, "djtaskq_monitor/commands.html", context)

    def command_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """A command's form; on POST, the command, once it was confirmed where it destroys."""
        command = command_of(current_app, name)
        if command is None:
            raise Http404
        if not (self.has_view_permission(request) and may(request, command)):
            raise PermissionDenied
        workers = _online() if command.everybody else _named(request)
        if not (workers or command.everybody):
            messages.warning(request, _("Choose one or several workers first."))
            return _back(request, command, [])
        if request.method != "POST" or "open" in request.POST:
            return self._form_page(request, command, command.form(initial=_initial(request)), workers)
        form = command.form(request.POST)
        if not form.is_valid() or (command.destroys and request.POST.get("confirmed") != "yes"):
            return self._form_page(request, command, form, workers)
        return self._performed(request, command, form, workers)

    def _performed(
        self, request: HttpRequest, command: Command, form: Arguments, workers: Sequence[WorkerState]
    ) -> HttpResponse:
        values = form.arguments()
        if command.limit:
            values["seconds"] = form.cleaned_data["seconds"]
        if command.name == "query-task":
            values = {"ids": form.cleaned_data["ids"]}
        said = redactor().text(command.say(form.cleaned_data))
        outcome = perform(request, command, values, workers, said=said)
        if outcome is None:
            return self._form_page(request, command, form, workers)
        if not command.reads:
            tell(request, said, outcome)
            return _back(request, command, workers)
        context = {
            "title": command.label,
            "said": said,
            "answers": [(answer, _badge(answer), _shown(answer)) for answer in outcome.answers],
            **_about(workers),
        }
        return self._page(request, "djtaskq_monitor/answers.html", context)

    def _form_page(
        self, request: HttpRequest, command: Command, form: Arguments, workers: Sequence[WorkerState]
    ) -> HttpResponse:
        context = {"title": command.label, "command": command, "form": form, **_about(workers)}
        context["tab"] = request.POST.get("tab", request.GET.get("tab", ""))
        return self._page(request, "djtaskq_monitor/command.html", context)

    def _page(self, request: HttpRequest, template: str, context: Mapping[str, Any]) -> TemplateResponse:
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, template, shown)

    def _few_enough(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[WorkerState] | None:
        rows = list(queryset.order_by("hostname")[: MOST + 1])
        if len(rows) <= MOST:
            return rows
        messages.error(request, _("No more than %d workers at once: narrow the list.") % MOST)
        return None


def _opens(command: Command) -> Any:
    """An action of the list: it opens the command's form for the workers that were selected."""

    def action(admin_class: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        workers = admin_class._few_enough(request, queryset)  # noqa: SLF001  its own action
        if workers is None:
            return None
        page: HttpResponse = admin_class._form_page(request, command, command.form(), workers)  # noqa: SLF001
        return page

    return action


def _named(request: HttpRequest) -> list[WorkerState]:
    """The workers whose keys the request has under `workers`, apart by commas."""
    data = request.POST if request.method == "POST" else request.GET
    pks = [int(pk) for pk in data.get("workers", "").split(",") if pk.isdecimal() and len(pk) <= DIGITS]
    return list(WorkerState.objects.filter(Among("pk", pks[:MOST])).order_by("hostname"))


def _online() -> list[WorkerState]:
    return [worker for worker in WorkerState.objects.order_by("hostname")[: 5 * MOST] if worker.is_alive()]


def _initial(request: HttpRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.GET.items() if name not in {"workers", "tab"}}


def _about(workers: Sequence[WorkerState]) -> dict[str, Any]:
    return {
        "workers": workers,
        "keys": ",".join(str(worker.pk) for worker in workers),
        "one": workers[0] if len(workers) == 1 else None,
    }


def _back(request: HttpRequest, command: Command, workers: Sequence[WorkerState]) -> HttpResponse:
    if len(workers) == 1 and not command.everybody:
        tab = request.POST.get("tab", "")
        query = {"tab": tab} if tab.isalpha() else None
        url = reverse("admin:djtaskq_monitor_workerstate_change", args=[workers[0].pk], query=query)
    else:
        url = reverse("admin:djtaskq_monitor_workerstate_changelist")
    return HttpResponseRedirect(url)


def _badge(answer: Answer) -> Any:
    kind, sign = _BADGES[answer.kind]
    return widgets.badge(kind, sign, str(answer.kind))


def _shown(answer: Answer) -> Any:
    if answer.kind != Kind.ANSWERED or answer.twins or answer.value is None:
        return answer_text(answer)
    value = redactor().value(answer.value)
    if isinstance(value, str):
        return value if len(value) < SHORT and "\n" not in value else widgets.block(value)
    return widgets.pretty_json(value)
