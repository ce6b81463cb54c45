"""The dashboard: whether everything is all right, and if not, what."""

import functools
import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import parse_etags, urlencode
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from djtaskq.admin import widgets
from djtaskq.admin.live import is_live, unless_unchanged
from djtaskq.admin.parts import Tab, bar
from djtaskq.admin.parts.drawings import figure
from djtaskq.vitals import Level
from djtaskq_monitor.dashboard import charting, figures, fingerprint, spans
from djtaskq_monitor.dashboard.links import Links
from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.dashboard.state import State, state
from djtaskq_monitor.models import Dashboard, QueueState, TaskState

_LOOKS = {
    Level.UNUSED: ("waiting", "…"),
    Level.WELL: ("good", "✓"),
    Level.WARNING: ("warning", "!"),
    Level.BAD: ("bad", "✗"),
}
# As many groups of failures stand on the dashboard.
_MOST_GROUPS = 8
# As much of what the newest one of a group said.
_SHOWN = 120


class PageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    """Pages of our own in the place of a model's: nothing is added, changed or deleted there."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002  Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def url(self, route: str, view: Callable[..., HttpResponse], page: str) -> URLPattern:
        """A page for those who may view the model; nothing but to be read."""

        def permitted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        return path(route, self.admin_site.admin_view(require_safe(permitted)), name=name)

    def context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        """The frame of a page; a page that refreshes itself takes its live parts alone."""
        if is_live(request):
            return {"layout": "djtaskq_monitor/bare.html", "title": title, **more}
        around = self.admin_site.each_context(request)
        return {**around, "layout": "djtaskq/page.html", "title": title, "opts": self.opts, **more}


@admin.register(Dashboard)
class DashboardAdmin(PageAdmin):
    def get_urls(self) -> list[URLPattern]:
        return [
            self.url("", self.page, "changelist"),
            self.url("chart/<str:kind>/", self.chart, "chart"),
        ]

    def page(self, request: HttpRequest) -> HttpResponse:
        return unless_unchanged(request, fingerprint.fingerprint, functools.partial(self._page, request))

    def _page(self, request: HttpRequest) -> HttpResponse:
        span = spans.read(request.GET)
        found, links = state(span), Links(request, self.admin_site)
        context = self.context(
            request,
            _("Dashboard"),
            state=found,
            span=span,
            tabs=span_tabs(span),
            spanned=spanned(span),
            links=_links(links, span),
            troubles=[(_LOOKS[vital.level], vital, links.permitted(vital.url)) for vital in found.troubles],
            vitals=[(_LOOKS[vital.level], vital, links.permitted(vital.url)) for vital in found.vitals],
            failures=_failures(found, links),
            failures_said=_said_of(found),
            queues=[(line, links.page(QueueState, "change", line.row.pk)) for line in found.queues],
            charts=chart_urls("dashboard", span, charting.KINDS if found.queues else charting.KINDS[:3]),
            verdict=_LOOKS[found.level],
            verdict_text=_verdict(found),
            **_tiles(found),
        )
        return TemplateResponse(request, "djtaskq_monitor/dashboard.html", context)

    def chart(self, request: HttpRequest, kind: str) -> HttpResponse:
        return answer_chart(request, kind)


def answer_chart(
    request: HttpRequest, kind: str, name: str | None = None, usual: str = spans.USUAL
) -> HttpResponse:
    """A chart as JSON, or 304 for whoever has it already."""
    if kind not in charting.KINDS:
        raise Http404
    span = spans.read(request.GET, usual=usual)
    told = repr((fingerprint.fingerprint(), span.name, span.since, get_language()))
    tag = f'"{hashlib.blake2s(told.encode(errors="replace"), digest_size=12).hexdigest()}"'
    if tag in parse_etags(request.headers.get("If-None-Match", "")):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = JsonResponse(_chart(kind, span, name), status=HTTPStatus.OK)
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


def _chart(kind: str, span: Span, name: str | None) -> charting.Chart:
    if kind == "queues":
        return charting.queue_lengths(span)
    draw = {"volume": charting.volume, "runtime": charting.runtime, "wait": charting.wait}[kind]
    return draw(span, figures.points_of(span, name))


def chart_urls(page: str, span: Span, kinds: tuple[str, ...], **query: str) -> list[str]:
    name = f"admin:djtaskq_monitor_{page}_chart"
    return [reverse(name, args=[kind], query={**span.query, **query}) for kind in kinds]


def span_tabs(span: Span, **query: str) -> list[Tab]:
    """The spans to choose from, as links that keep the rest of the query."""
    return [
        Tab(label=str(label), url=f"?{urlencode({'span': name, **query})}", current=name == span.name)
        for name, label in spans.SHORT.items()
    ]


def spanned(span: Span) -> str:
    """The span in words, if it is none of the tabs'."""
    return str(spans.WORDS[span.name]) if span.name else ""


def _verdict(found: State) -> str:
    bad = sum(vital.level == Level.BAD for vital in found.troubles)
    rest = len(found.troubles) - bad
    if not bad and not rest:
        return _("Everything is all right")
    if not bad:
        return ngettext("%d thing needs a look", "%d things need a look", rest) % rest
    wrong = ngettext("%d thing is wrong", "%d things are wrong", bad) % bad
    more = ngettext("%d more needs a look", "%d more need a look", rest) % rest
    return f"{wrong}, {more}" if rest else wrong


def _tiles(found: State) -> dict[str, Any]:
    """Words and figures of the workers' tile."""
    known, lost = found.fleet, len(found.fleet.lost)
    return {
        "online": len(known.online),
        "busy_bar": bar(
            len(known.busy), len(known.online), label=_("Busy"), text=_("%d busy") % len(known.busy)
        ),
        "running_text": ngettext("%d task", "%d tasks", known.running) % known.running,
        "lost_badge": widgets.badge("bad", "✗", _("%d lost") % lost) if lost else "",
        "retried_text": _("%s retried") % figure(found.figures.retried),
    }


def _said_of(found: State) -> str:
    """Of how many failures the groups are, and what may be missing."""
    known = found.failures
    if not known.read:
        return _("No task that was first seen in this span failed, as far as failures are kept.")
    if known.reaches is not None:
        return _("Of the newest %(n)s failures, back to %(at)s.") % {
            "n": f"{known.read:,}",
            "at": widgets.exactly(known.reaches),
        }
    return (
        ngettext("Of %s failure that is kept.", "Of all %s failures that are kept.", known.read)
        % f"{known.read:,}"
    )


def _links(links: Links, span: Span) -> dict[str, str]:
    return {
        "workers": links.workers(),
        "busy": links.workers(status="busy"),
        "lost": links.workers(status="lost"),
        "running": links.tasks(state="STARTED"),
        "ended": links.tasks(span),
        "failed": links.tasks(span, state="FAILURE"),
        "retried": links.tasks(state="RETRY"),
        "slow": links.names(span, o="-p95"),
        "names": links.names(span),
        "failing": links.names(span, o="-rate"),
        "queues": links.queues(),
    }


def _failures(found: State, links: Links) -> list[dict[str, Any]]:
    return [
        {
            "group": group,
            "count": figure(group.count),
            "exception": group.exception or _("no exception told"),
            "task": group.name or _("no name"),
            "said": group.said[:_SHOWN] if links.may(TaskState) else "",
            "at": widgets.when(group.newest),
            "tasks": links.tasks(
                found.span,
                state="FAILURE",
                **({"name": group.name} if group.name else {}),
                **({"exception": group.exception} if group.exception else {}),
            ),
            "newest": links.task(group.pk),
            "name": links.name(group.name, found.span),
        }
        for group in found.failures.groups[:_MOST_GROUPS]
    ]
