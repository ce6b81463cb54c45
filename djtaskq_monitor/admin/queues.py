"""Queues: the list of them, and a page for each."""

import functools
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from djtaskq.admin import audit, parts, widgets
from djtaskq.admin.live import every, unless_unchanged
from djtaskq.conf import conf
from djtaskq_monitor import queries as monitor
from djtaskq_monitor.admin.dashboard import PageAdmin, span_tabs
from djtaskq_monitor.admin.queue_actions import QueueActions
from djtaskq_monitor.brokers import queries
from djtaskq_monitor.brokers.queries import Queue
from djtaskq_monitor.dashboard import charting, spans
from djtaskq_monitor.dashboard.links import Links
from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.models import QueueState, WorkerState
from djtaskq_monitor.statistics import charts
from djtaskq_monitor.statistics.charts import Point

PER_PAGE = 50
# As many names of tasks stand on a queue's page, and as many workers are named in the list.
MOST_NAMES, MOST_WORKERS = 30, 3
_CHARTS = ("length", "wait", "volume")
# A queue that nobody asked for in so many periods is said to be so.
_PERIODS = 4


@admin.register(QueueState)
class QueueStateAdmin(QueueActions, PageAdmin):
    def get_urls(self) -> list[URLPattern]:
        return [
            self.url("", self.listing, "changelist"),
            self.url("<int:pk>/change/", self.page, "change"),
            self.url("<int:pk>/chart/<str:kind>/", self.chart, "chart"),
            *self.action_urls(),
        ]

    def listing(self, request: HttpRequest) -> HttpResponse:
        return unless_unchanged(request, _fingerprint, functools.partial(self._listing, request))

    def page(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(pk)
        return unless_unchanged(request, _fingerprint, functools.partial(self._page, request, row))

    def chart(self, request: HttpRequest, pk: int, kind: str) -> HttpResponse:
        row = self.row(pk)
        if kind not in _CHARTS:
            raise Http404
        return JsonResponse(_chart(kind, row, spans.read(request.GET)))

    def row(self, pk: int) -> QueueState:
        row = QueueState.objects.filter(pk=pk).first()
        if row is None:
            raise Http404
        return row

    def _listing(self, request: HttpRequest) -> HttpResponse:
        term = request.GET.get("q", "").strip()
        found = queries.queues(term)
        paged = Paginator(found, PER_PAGE).get_page(request.GET.get("p"))
        links = Links(request, self.admin_site)
        shown = queries.with_trends(list(paged.object_list))
        context = self.context(
            request,
            _("Queues"),
            page=paged,
            term=term,
            rows=[_line(queue, links) for queue in shown],
            said=_said(found),
            problems=_problems(found),
            # Not every broker does.
            tells_held=any(queue.row.unacked is not None for queue in shown),
            tells_consumers=any(queue.row.consumers is not None for queue in shown),
            camera_runs=bool(monitor.running_cameras()),
            asks=conf().MONITOR_QUEUES_SECONDS is not None,
        )
        return TemplateResponse(request, "djtaskq_monitor/queues.html", context)

    def _page(self, request: HttpRequest, row: QueueState) -> HttpResponse:
        found, span, links = queries.queue(row), spans.read(request.GET), Links(request, self.admin_site)
        context = self.context(
            request,
            row.name,
            row=row,
            line=_line(found, links),
            span=span,
            tabs=span_tabs(span),
            charts=[reverse(f"{_NAME}_chart", args=[row.pk, kind], query=span.query) for kind in _CHARTS],
            workers=[(worker, links.page(WorkerState, "change", worker.pk)) for worker in found.workers],
            unknown=found.unknown,
            names=_names(row.name, span, links),
            tasks=links.tasks(span, queue=row.name),
            actions=audit.recent(QueueState, row.pk, most=5),
            **self.permitted(request),
        )
        return TemplateResponse(request, "djtaskq_monitor/queue.html", context)


_NAME = "admin:djtaskq_monitor_queuestate"


def _fingerprint() -> Any:
    # Times, trends and who takes from a queue change by the clock too.
    states = QueueState.objects.aggregate(Max("asked"), Count("pk"))
    return states, WorkerState.objects.aggregate(Max("queues_key"), Max("status_key")), every(10)


def _line(queue: Queue, links: Links) -> dict[str, Any]:
    row = queue.row
    return {
        "row": row,
        "queue": queue,
        "url": links.page(QueueState, "change", row.pk),
        "tasks": links.tasks(queue=row.name),
        "badge": _badge(queue),
        "trend": parts.sparkline(queue.trend, _("messages, 1 h"), "bad" if queue.stuck else "running"),
        "workers": [(worker, links.page(WorkerState, "change", worker.pk)) for worker in queue.workers][
            :MOST_WORKERS
        ],
        "more": max(0, len(queue.workers) - MOST_WORKERS),
        "outdated": _outdated(row),
    }


def _badge(queue: Queue) -> SafeString | str:
    """What needs somebody; empty where nothing does."""
    if queue.row.problem:
        return widgets.badge("warning", "!", _("not known"), queue.row.problem)
    if queue.stuck:
        words = _("no worker, and it grows") if queue.grows else _("no worker takes from it")
        return widgets.badge("bad", "✗", words)
    if queue.grows:
        return widgets.badge("warning", "!", _("it grows"))
    return ""


def _outdated(row: QueueState) -> bool:
    period = conf().MONITOR_QUEUES_SECONDS or 0
    age = (timezone.now() - row.asked).total_seconds() if row.asked else 0
    return age > _PERIODS * period + spans.SPANS["15m"].total_seconds() / 15


def _said(found: list[Queue]) -> str:
    """The whole in one sentence."""
    waiting = sum(queue.waiting for queue in found)
    stuck = sum(queue.stuck for queue in found)
    words = ngettext("%s message waits", "%s messages wait", waiting) % f"{waiting:,}"
    words += " " + ngettext("in %s queue", "in %s queues", len(found)) % f"{len(found):,}"
    if stuck:
        return f"{words}; " + ngettext("%d has no worker.", "%d have no worker.", stuck) % stuck
    return f"{words}."


def _problems(found: list[Queue]) -> list[str]:
    """What the broker said in place of figures, each once."""
    return list(dict.fromkeys(queue.row.problem for queue in found if queue.row.problem))[:3]


def _names(name: str, span: Span, links: Links) -> list[dict[str, Any]]:
    """The tasks that were seen on the queue, those that came most often first."""
    found = charts.summary(span.since, span.until, by="name", queue=name)
    ordered = sorted(found.items(), key=lambda entry: -_seen(entry[1]))[:MOST_NAMES]
    return [
        {
            "name": task,
            "url": links.name(task, span),
            "count": _seen(point),
            "failed": point["failed"],
            "failures": links.tasks(span, name=task, queue=name, state="FAILURE"),
            "waits": point.waits(50, 95, 99),
        }
        for task, point in ordered
    ]


def _seen(point: Point) -> int:
    return max(point[state] for state in ("sent", "received", "succeeded", "failed"))


def _chart(kind: str, row: QueueState, span: Span) -> charting.Chart:
    if kind == "length":
        return _length_chart(row, span)
    points = charts.series(span.since, span.until, queue=row.name).get("", [])
    return {"wait": charting.wait, "volume": charting.volume}[kind](span, points)


def _length_chart(row: QueueState, span: Span) -> charting.Chart:
    step = queries.step_of(span.since, span.until)
    found = queries.lengths([row.pk], span.since, span.until, step)[row.pk]
    first = int(span.since.timestamp()) // step * step
    axis = list(range(first, max(int(span.until.timestamp()), first + 1), step))
    values = [found.get(at) for at in axis]
    series = [{"label": _("waiting"), "kind": "running", "values": values}]
    return {"title": _("Messages that wait"), "unit": "", "x": axis, "series": series}
