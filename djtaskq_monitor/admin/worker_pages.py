"""The page of one worker: what its events told, and in tabs what it answers when it is asked."""

from typing import TYPE_CHECKING, Any

from celery import current_app
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from djtaskq.admin import audit, parts, widgets
from djtaskq.conf import conf
from djtaskq_monitor.admin.performing import may, problem_of
from djtaskq_monitor.admin.worker_commands import DIGITS
from djtaskq_monitor.admin.worker_tabs import TABS
from djtaskq_monitor.control.asking import ControlError, Kind, ask
from djtaskq_monitor.control.commands import COMMANDS
from djtaskq_monitor.models import WorkerState

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[WorkerState]
else:  # generic for the type checker alone
    _ModelAdmin = object

FIRST = "pool"
# Those that need no form are given by a button; the others are opened.
_AT_ONCE = ("ping", "report", "enable-events")
_OPENED = ("shutdown",)


class WorkerPages(_ModelAdmin):
    """The page and its tabs, each of them a URL of its own."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(never_cache(require_safe(self.asked_view)))
        return [
            path("<path:object_id>/asked/<str:tab>/", view, name="djtaskq_monitor_workerstate_asked"),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",  # noqa: ARG002  Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if object_id is None or request.method not in {"GET", "HEAD"}:
            raise PermissionDenied  # nothing can be added or changed
        worker = self._worker(request, object_id)
        if worker is None:
            redirect: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
            return redirect
        tab = request.GET.get("tab", FIRST)
        if tab not in TABS:
            raise Http404
        asked = self._asked(request, worker, tab) if request.GET.get("ask") == "now" else {}
        context = {
            **self.admin_site.each_context(request),
            "title": worker.hostname,
            "opts": self.opts,
            "media": self.media,
            "original": worker,
            "worker": worker,
            "badge": widgets.state_badge(worker.status()),
            "facts": _facts(worker),
            "tabs": parts.tabs(_tabs(worker, tab), _("What the worker answers")),
            "tab": tab,
            "tab_label": TABS[tab].label,
            "actions": audit.recent(WorkerState, worker.pk),
            "may_control": may(request, COMMANDS["ping"]),
            "at_once": [COMMANDS[name] for name in _AT_ONCE if may(request, COMMANDS[name])],
            "opened": [COMMANDS[name] for name in _OPENED if may(request, COMMANDS[name])],
            "ask_url": reverse("admin:djtaskq_monitor_workerstate_asked", args=[worker.pk, tab]),
            **asked,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "djtaskq_monitor/worker.html", context)

    def asked_view(self, request: HttpRequest, object_id: str, tab: str) -> HttpResponse:
        """A tab's content, as a piece of HTML: the worker is asked for it."""
        worker = self._worker(request, object_id)
        if worker is None or tab not in TABS:
            raise Http404
        context = {"worker": worker, "tab": tab, **self._asked(request, worker, tab)}
        return TemplateResponse(request, "djtaskq_monitor/worker/asked.html", context)

    def _worker(self, request: HttpRequest, object_id: str) -> WorkerState | None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = unquote(object_id)
        return WorkerState.objects.filter(pk=pk).first() if pk.isdecimal() and len(pk) <= DIGITS else None

    def _asked(self, request: HttpRequest, worker: WorkerState, tab: str) -> dict[str, Any]:
        """What the tab's template shows; where the worker said nothing, why that may be."""
        about = TABS[tab]
        context: dict[str, Any] = {
            "asked": True,
            "template": about.template,
            "may": {name.replace("-", "_"): may(request, command) for name, command in COMMANDS.items()},
            "seconds": f"{conf().MONITOR_CONTROL_SECONDS:g}",
            "heard": widgets.when(worker.last_heartbeat),
            "badge": widgets.state_badge(worker.status()),
        }
        try:
            answers = [found[0] for found in ask(current_app, about.questions, [worker.hostname])]
        except ControlError as error:
            return {**context, "problem": problem_of(error)}
        if any(answer.kind == Kind.SILENT for answer in answers):
            return {**context, "silent": True}
        refused = [answer.text for answer in answers if answer.kind == Kind.REFUSED]
        if refused:
            return {**context, "problem": _("The worker refused: %s") % refused[0]}
        twins = max(answer.twins for answer in answers)
        return {
            **context,
            "twins": twins + 1 if twins else 0,
            **about.show(*(each.value for each in answers)),
        }


def _tabs(worker: WorkerState, current: str) -> list[parts.Tab]:
    page = reverse("admin:djtaskq_monitor_workerstate_change", args=[worker.pk])
    return [
        parts.Tab(label=str(about.label), url=f"{page}?tab={name}", current=name == current)
        for name, about in TABS.items()
    ]


def _facts(worker: WorkerState) -> list[Any]:
    """What its events told, in columns: nobody is asked for this."""
    load = " ".join(f"{value:.2f}" for value in worker.loadavg)
    drift = worker.clock_drift
    processed = f"{worker.processed:,}" if worker.processed is not None else None
    left_at = [(_("offline since"), widgets.when(worker.offline_since))] if worker.offline_since else []
    work = [
        (_("active tasks"), worker.active),
        (_("processed tasks"), processed),
        (_("load 1, 5, 15 min"), load),
        (_("queues"), ", ".join(worker.queue_names)),
    ]
    times = [
        (_("last heartbeat"), widgets.when(worker.last_heartbeat)),
        *left_at,
        (_("first seen"), widgets.when(worker.first_seen)),
        (_("clock ahead by"), widgets.duration(drift) if drift is not None else None),
    ]
    process = [
        (_("software"), " ".join(filter(None, (worker.sw_ident, worker.sw_ver)))),
        (_("system"), worker.sw_sys),
        (_("process id"), str(worker.pid) if worker.pid is not None else None),
    ]
    return [parts.key_values(pairs) for pairs in (work, times, process)]
