"""Task names: the list of them, and a page for each."""

import functools
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.admin import widgets
from djtaskq.admin.live import unless_unchanged
from djtaskq.admin.parts import Field
from djtaskq.db.text import storable
from djtaskq_monitor.admin.dashboard import PageAdmin, answer_chart, chart_urls, span_tabs, spanned
from djtaskq_monitor.dashboard import charting, figures, fingerprint, names, spans, totals
from djtaskq_monitor.dashboard.links import Links
from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.models import TaskName, TaskState

USUAL = "24h"
_SORTED_BY = {
    "volume": gettext_lazy("the most tasks"),
    "failed": gettext_lazy("the most failures"),
    "rate": gettext_lazy("the highest failure rate"),
    "slow": gettext_lazy("the longest runtime"),
    "time": gettext_lazy("the most time in all"),
    "name": gettext_lazy("name"),
}


@admin.register(TaskName)
class TaskNameAdmin(PageAdmin):
    def get_urls(self) -> list[URLPattern]:
        return [
            self.url("", self.listing, "changelist"),
            self.url("page/", self.page, "page"),
            self.url("chart/<str:kind>/", self.chart, "chart"),
        ]

    def listing(self, request: HttpRequest) -> HttpResponse:
        return unless_unchanged(request, fingerprint.counted, functools.partial(self._listing, request))

    def page(self, request: HttpRequest) -> HttpResponse:
        if not _named(request):
            raise Http404
        return unless_unchanged(request, fingerprint.counted, functools.partial(self._page, request))

    def chart(self, request: HttpRequest, kind: str) -> HttpResponse:
        return answer_chart(request, kind, _named(request), USUAL)

    def _listing(self, request: HttpRequest) -> HttpResponse:
        span = spans.read(request.GET, usual=USUAL)
        sort = request.GET.get("sort", "")
        sort = sort if sort in names.SORTS else "volume"
        term = request.GET.get("q", "")
        found = names.page(span, sort=sort, term=term, number=_number(request.GET.get("p", "")))
        kept = {name: value for name, value in (("sort", sort), ("q", term)) if value}
        context = self.context(
            request,
            _("Task names"),
            page=found,
            rows=[_row(total, Links(request, self.admin_site), span) for total in found.rows],
            span=span,
            term=term,
            tabs=span_tabs(span, **kept),
            spanned=spanned(span),
            fields=_fields(term, sort),
            others=list(span.query.items()),
            before=_paged(span, kept, found.number - 1) if found.number > 1 else "",
            after=_paged(span, kept, found.number + 1) if found.number < found.pages else "",
        )
        return TemplateResponse(request, "djtaskq_monitor/task_names.html", context)

    def _page(self, request: HttpRequest) -> HttpResponse:
        name, span = _named(request), spans.read(request.GET, usual=USUAL)
        points, links = figures.points_of(span, name), Links(request, self.admin_site)
        counted = figures.figures(span, points)
        context = self.context(
            request,
            name,
            span=span,
            figures=counted,
            tabs=span_tabs(span, name=name),
            spanned=spanned(span),
            charts=chart_urls("taskname", span, charting.KINDS[:3], name=name),
            bars=_bars(charting.bars(figures.runtimes_of(points))),
            links={
                "all": links.tasks(span, name=name),
                "failed": links.tasks(span, name=name, state="FAILURE"),
                "list": links.names(span),
            },
            lately=_lately(name, span, links) if links.may(TaskState) else None,
        )
        return TemplateResponse(request, "djtaskq_monitor/task_name.html", context)


def _named(request: HttpRequest) -> str:
    return str(storable(request.GET.get("name", "")))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 1


def _fields(term: str, sort: str) -> list[Field]:
    return [
        Field(name="q", label=_("A part of the name"), value=term, search=True),
        Field(
            name="sort",
            label=_("First"),
            value=sort,
            choices=[(key, str(words)) for key, words in _SORTED_BY.items()],
        ),
    ]


def _paged(span: Span, kept: dict[str, str], number: int) -> str:
    return f"?{urlencode({**span.query, **kept, 'p': str(number)})}"


def _row(total: totals.Total, links: Links, span: Span) -> dict[str, Any]:
    return {
        "total": total,
        "url": links.name(total.name, span),
        "tasks": links.tasks(span, name=total.name),
        "failed": links.tasks(span, name=total.name, state="FAILURE"),
        "rate": total.failure_rate if total.ended else None,
        "p50": total.percentile(50),
        "p95": total.percentile(95),
    }


def _bars(found: list[tuple[float, float, int]]) -> list[dict[str, Any]]:
    most = max((count for _since, _until, count in found), default=0)
    return [
        {
            "label": _("up to %s") % widgets.duration(until),
            "count": count,
            "shown": f"{count:,}",
            "most": most,
        }
        for _since, until, count in found
    ]


def _lately(name: str, span: Span, links: Links) -> dict[str, Any]:
    found = names.lately(name, span)
    said = _("Among all %(n)s tasks of this span that are kept.")
    if not found.read:
        said = _("No task of this name is kept that was first seen in this span.")
    if found.reaches is not None:
        said = _("Among the newest %(n)s tasks, back to %(at)s.")
    return {
        "slowest": [(row, links.task(row.pk)) for row in found.slowest],
        "failed": [(row, links.task(row.pk)) for row in found.failed],
        "said": said % {"n": f"{found.read:,}", "at": widgets.exactly(found.reaches)},
        "read": found.read,
    }
