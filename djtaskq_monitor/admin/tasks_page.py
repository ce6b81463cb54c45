"""The page of one task: how it stands and why above all, then when, with what, and what belongs to it."""

import json
from typing import Any

from celery import states
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from djtaskq import tracebacks
from djtaskq.admin import parts, widgets
from djtaskq.admin.pages import KeysetAdmin
from djtaskq.arguments import Arguments, arguments_of
from djtaskq.db.text import storable
from djtaskq.outcomes import Link, Outcome, outcomes_of
from djtaskq.redactor import redactor
from djtaskq.timelines import Asked, Timeline, timeline_of
from djtaskq_monitor import family, queries
from djtaskq_monitor.admin import tasks_tree
from djtaskq_monitor.models import TaskState

# Characters of a text that stand on the page before the whole is asked for.
SHOWN = 400
# Of real arguments that are longer, the text that the event carried is shown.
MOST_ARGUMENTS = 100_000
_LIST = "admin:djtaskq_monitor_taskstate_changelist"


class TaskPage(KeysetAdmin):
    """The page; a part of the admin class of tasks."""

    change_form_template = "djtaskq_monitor/task.html"
    fields = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.task_view))
        return [path("task/<path:task_id>/", view, name="djtaskq_monitor_task"), *super().get_urls()]

    def task_view(self, request: HttpRequest, task_id: str) -> HttpResponse:
        """A task by its id; of one that no event told of, what anybody else knows."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        task_id = storable(task_id)
        row = queries.by_id(task_id)
        if row is not None:
            return HttpResponseRedirect(reverse("admin:djtaskq_monitor_taskstate_change", args=[row.pk]))
        outcome, timeline = outcomes_of([task_id]).get(task_id), timeline_of(Asked(task_id=task_id))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Task"),
            "opts": self.opts,
            "media": self.media,
            "task_id": task_id,
            "outcome": outcome,
            "error": redactor().text(outcome.error) if outcome else "",
            "progress": parts.progress_bar(outcome.progress if outcome else None),
            "moments": _moments(timeline),
            "links": _links(timeline, outcome, ""),
        }
        return TemplateResponse(request, "djtaskq_monitor/unknown_task.html", context, status=404)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"show_delete": False, "subtitle": None, **(extra_context or {})}
        response = super().changeform_view(request, object_id, form_url, context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            response.context_data |= self.panel(request, response.context_data["original"])
        return response

    def panel(self, request: HttpRequest, row: TaskState) -> dict[str, Any]:  # noqa: ARG002  for those that need it
        """What the page shows; each app that knows the task is asked once."""
        outcome = outcomes_of([row.task_id]).get(row.task_id)
        timeline = timeline_of(Asked(task_id=row.task_id))
        relatives = family.family_of(row)
        shown = redactor().text
        failed = row.state in {states.FAILURE, states.RETRY} or bool(row.exception)
        return {
            "row": row,
            "title": _("Task"),
            "error": shown(row.exception or "") if failed else "",
            "raised": tracebacks.last_own(row.traceback or "") if failed else None,
            "progress": parts.progress_bar(None if row.ended or not outcome else outcome.progress),
            "facts": parts.key_values(_facts(row, _links(timeline, outcome, queries.page_of(row)))),
            "moments": _moments(timeline),
            "spans": _spans(row),
            "given": _given(row, arguments_of(row.task_id)),
            # Of a failure, the result is the exception, which stands at the top.
            "result": "" if row.result == row.exception else parts.cut_text(shown(row.result or ""), SHOWN),
            "traceback": _traceback(row.traceback or ""),
            "message": parts.key_values(_message(row)),
            "family": None if relatives.alone else tasks_tree.shown(relatives, row.task_id),
            "running": not row.ended and row.state not in states.ALL_STATES,
        }


def _facts(row: TaskState, links: list[Link]) -> list[tuple[Any, Any]]:
    facts: list[tuple[Any, Any]] = [
        (_("Worker"), _worker(row.worker_id)),
        (_("Queue"), _narrowed("queue", row.queue)),
        (_("Last event"), widgets.when(row.tstamp)),
        (_("Retries"), row.retries),
    ]
    if row.eta is not None:
        facts.append((_("ETA"), widgets.exactly(row.eta)))
    if row.expires is not None:
        facts.append((_("Expires"), widgets.exactly(row.expires)))
    if row.root_id and row.root_id != row.task_id:
        facts += [(_("Root"), tasks_tree.link(row.root_id)), (_("Parent"), tasks_tree.link(row.parent_id))]
    if row.name:
        facts.append((_("Others"), _narrowed("name", row.name, _("tasks of this name"))))
    return [*facts, (_("See"), widgets.linked(links))] if links else facts


def _message(row: TaskState) -> list[tuple[Any, Any]]:
    known = ((_("Exchange"), row.exchange), (_("Routing key"), row.routing_key), (_("Client"), row.client))
    return [(name, value) for name, value in known if value]


def _worker(hostname: str | None) -> SafeString | str:
    if not hostname:
        return widgets.DASH
    url = reverse("admin:djtaskq_monitor_workerstate_changelist", query={"q": hostname})
    return format_html(
        '<a href="{}">{}</a> · {}', url, hostname, _narrowed("worker", hostname, _("its tasks"))
    )


def _narrowed(name: str, value: str | None, text: str = "") -> SafeString | str:
    """A link to the tasks that share a value."""
    if not value:
        return widgets.DASH
    return format_html('<a href="{}">{}</a>', reverse(_LIST, query={name: value}), text or value)


def _links(timeline: Timeline, outcome: Outcome | None, own: str) -> list[Link]:
    return [link for link in (*timeline.links, *(outcome.links if outcome else ())) if link.url != own]


def _moments(timeline: Timeline) -> SafeString | str:
    return parts.timeline([(moment.name, moment.at) for moment in timeline.moments])


def _spans(row: TaskState) -> SafeString | str:
    """How long it waited and how long it ran, side by side to one scale."""
    known = [(_("waited"), "waiting", row.wait), (_("ran"), "running", row.runtime)]
    spans = [(label, kind, seconds) for label, kind, seconds in known if seconds is not None]
    longest = max((seconds for _label, _kind, seconds in spans), default=0) or None
    rows = (
        (label, parts.bar(seconds, longest, label=label, kind=kind, text=widgets.duration(seconds)))
        for label, kind, seconds in spans
    )
    return parts.key_values(rows) if spans else ""


def _given(row: TaskState, stored: Arguments | None) -> dict[str, Any]:
    """The arguments: the real ones where somebody keeps them, else the text that the event carried."""
    if stored is not None and len(stored.args) + len(stored.kwargs) <= MOST_ARGUMENTS:
        shown = {name: _pretty(getattr(stored, name)) for name in ("args", "kwargs")}
        return {**shown, "real": True}
    texts = {name: redactor().text(getattr(row, name) or "") for name in ("args", "kwargs")}
    return {name: parts.cut_text(text, SHOWN) for name, text in texts.items()} | {"real": False}


def _pretty(text: str) -> SafeString | str:
    value = redactor().value(json.loads(text))
    short = json.dumps(value, ensure_ascii=False)
    return parts.cut_text(
        short if len(short) <= SHOWN else json.dumps(value, indent=2, ensure_ascii=False), SHOWN
    )


def _traceback(text: str) -> SafeString | str:
    """One's own frames stand out; what was raised may hold secrets, lines of source do not."""
    if not text:
        return ""
    found = format_html_join("\n", "{}", ((_part(part),) for part in tracebacks.parts(text)))
    return widgets.copyable(format_html('<pre class="djtaskq-block" data-copied>{}</pre>', found))


def _part(part: tracebacks.Frame | tracebacks.Words) -> SafeString | str:
    if isinstance(part, tracebacks.Words):
        return redactor().text(part.text)
    return format_html(
        '<span class="{}">{}</span>', "djtaskq-own" if part.own else "djtaskq-others", part.text
    )
