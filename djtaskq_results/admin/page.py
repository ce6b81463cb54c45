"""The page of one task result: why it failed above all, then what it was, when, and what belongs to it."""

from collections.abc import Iterator
from typing import Any

from celery.states import EXCEPTION_STATES, READY_STATES
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.db.models.functions import Substr
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from django_celery_results.models import TaskResult

from djtaskq import tracebacks
from djtaskq.admin import parts, widgets
from djtaskq.admin.pages import KeysetAdmin
from djtaskq.outcomes import Link, outcomes_of
from djtaskq.redaction import MARK
from djtaskq.redactor import redactor
from djtaskq.timelines import Asked, timeline_of
from djtaskq_results import exports, queries, relatives
from djtaskq_results.admin import family
from djtaskq_results.admin.facts import facts

# Characters of a large text that are read, and sent, at a time.
PIECE = 1_000_000
# Characters in which secrets are looked for, at the most.
MOST = 20_000_000


class ResultPage(KeysetAdmin):
    """The parts of a result's page; a part of its admin class."""

    change_form_template = "djtaskq_results/task_result_change_form.html"

    readonly_fields = (
        *(
            "value",
            "traceback_text",
            "arguments",
            "keywords",
            "content_type",
            "content_encoding",
            "meta_text",
        ),
        *("created", "task_id", "periodic_task_name", "worker"),
    )
    fieldsets = (
        (gettext_lazy("Result"), {"fields": ("value", "traceback_text")}),
        (gettext_lazy("Arguments"), {"fields": ("arguments", "keywords")}),
        (
            gettext_lazy("As stored"),
            {
                "fields": (
                    *("task_id", "periodic_task_name", "worker", "created"),
                    *("content_type", "content_encoding", "meta_text"),
                ),
                "classes": ("collapse",),
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        whole = self.admin_site.admin_view(require_safe(self.whole_view))
        return [
            path("<int:pk>/whole/<str:column>/", whole, name="djtaskq_results_whole"),
            *super().get_urls(),
        ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:  # noqa: ARG002  Django's signature
        """The row, of its large columns no more than is shown."""
        if not object_id.isdecimal():
            return None
        row = queries.cut(self.get_queryset(request)).filter(pk=int(object_id)).first()
        return None if row is None else queries.fill(row)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without a traceback there is none to show."""
        (name, options), *others = super().get_fieldsets(request, obj)
        fields: tuple[str, ...] = ("value",)
        if obj is not None and obj.traceback:
            # Of a failure, the result is the exception: that stands at the top.
            fields = ("traceback_text",) if obj.status in EXCEPTION_STATES else ("traceback_text", "value")
        return [(name, {**options, "fields": fields}), *others]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response = super().changeform_view(
            request, object_id, form_url, {"show_delete": False, "subtitle": None, **(extra_context or {})}
        )
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            response.context_data |= self.panel(request, response.context_data["original"])
        return response

    def whole_view(self, request: HttpRequest, pk: int, column: str) -> StreamingHttpResponse:
        """A large text from its beginning to its end, without its secrets."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = TaskResult.objects.filter(pk=pk)
        if column not in queries.LARGE or not rows.exists():
            raise Http404
        response = StreamingHttpResponse(_whole(rows, column), content_type="text/plain; charset=utf-8")
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response

    @admin.display(description=gettext_lazy("result"))
    def value(self, row: Any) -> SafeString | str:
        if row.status in EXCEPTION_STATES and (error := queries.error(row.result, row.content_type)):
            return widgets.block(redactor().text(error))
        return self._large(row, "result")

    @admin.display(description=gettext_lazy("traceback"))
    def traceback_text(self, row: Any) -> SafeString | str:
        found = format_html_join("\n", "{}", ((_shown(part),) for part in tracebacks.parts(row.traceback)))
        box = format_html('<pre class="djtaskq-block" data-copied>{}</pre>', found)
        return format_html("{}{}", widgets.copyable(box), self._rest(row, "traceback"))

    @admin.display(description=gettext_lazy("arguments"))
    def arguments(self, row: Any) -> SafeString | str:
        return self._large(row, "task_args")

    @admin.display(description=gettext_lazy("keyword arguments"))
    def keywords(self, row: Any) -> SafeString | str:
        return self._large(row, "task_kwargs")

    @admin.display(description=gettext_lazy("meta"))
    def meta_text(self, row: Any) -> SafeString | str:
        return self._large(row, "meta")

    @admin.display(description=gettext_lazy("first written"))
    def created(self, row: Any) -> str:
        return widgets.exactly(row.date_created)

    def _large(self, row: Any, column: str) -> SafeString | str:
        text = getattr(row, column)
        if not text:
            return widgets.DASH
        if row.content_encoding == "binary":
            return widgets.muted(_("Stored as %s: not decoded here.") % row.content_type)
        if column in row.cut:
            return format_html("{}{}", widgets.block(redactor().text(text)), self._rest(row, column))
        shown = redactor().value(queries.value(text, row.content_type))
        return widgets.block(shown) if isinstance(shown, str) else widgets.pretty_json(shown)

    def _rest(self, row: Any, column: str) -> SafeString | str:
        if column not in row.cut:
            return ""
        url = reverse("admin:djtaskq_results_whole", args=[row.pk, column])
        text = _("These are the first %s characters.") % f"{queries.SHOWN:,}"
        return format_html(
            '<p class="djtaskq-muted">{} <a href="{}">{}</a></p>', text, url, _("Show the whole text")
        )

    def panel(self, request: HttpRequest, row: Any) -> dict[str, Any]:  # noqa: ARG002  for those that need it
        """What the page shows above its fields; each app that knows the task is asked once."""
        detail = queries.detail_of(row.task_id)
        outcome = outcomes_of([row.task_id]).get(row.task_id)
        timeline = timeline_of(Asked(task_id=row.task_id, periodic_task=row.periodic_task_name or ""))
        own = queries.page_of(row)
        elsewhere = [link for link in (outcome.links if outcome else ()) if link.url != own]
        failed = row.status in EXCEPTION_STATES
        original, repeats = queries.reruns(row.task_id)
        tree = relatives.family_of(row.task_id, detail)
        panel = {
            "panel_template": "djtaskq_results/task_result_panel.html",
            "row": row,
            "detail": detail,
            "runtime": queries.runtime(row),
            "ended": row.status in READY_STATES,
            "error": redactor().text(queries.error(row.result, row.content_type)) if failed else "",
            "raised": tracebacks.last_own(row.traceback or "") if failed else None,
            "progress": parts.progress_bar(outcome.progress if outcome else None),
            "links": [*timeline.links, *elsewhere],
            "schedule": _schedule(row.periodic_task_name, timeline.links),
            "moments": [(moment.name, moment.at) for moment in timeline.moments],
            "repeats": [_by_id(task_id) for task_id in repeats],
            "repeated": _by_id(original) if original else None,
            "family": None if tree.alone else family.shown(tree, row.task_id),
            "group": _group(detail),
        }
        return {**panel, "facts": list(facts(row, panel))}


def _shown(part: tracebacks.Frame | tracebacks.Words) -> SafeString | str:
    if isinstance(part, tracebacks.Words):
        return redactor().text(part.text)
    kind = "djtaskq-own" if part.own else "djtaskq-others"
    return format_html('<span class="{}">{}</span>', kind, part.text)


def _whole(rows: QuerySet[Any], column: str) -> Iterator[str]:
    """The text, piece by piece as it is stored where nothing is to be taken out of it."""
    if not redactor():
        yield from _pieces(rows, column)
        return
    if "binary" in rows.values_list("content_encoding", flat=True):
        yield MARK  # nobody decodes it here: whatever it holds
        return
    kept: list[str] = []
    for piece in _pieces(rows, column):
        kept.append(piece)
        if len(kept) * PIECE > MOST:
            break
    text = "".join(kept)
    shown = exports.redacted(column, text[:MOST])
    yield from (shown[start : start + PIECE] for start in range(0, len(shown), PIECE))
    if len(text) > MOST:
        yield _("\n… The rest is not shown: secrets are looked for in the first %s characters.") % f"{MOST:,}"


def _pieces(rows: QuerySet[Any], column: str) -> Iterator[str]:
    start = 1
    while piece := rows.values_list(Substr(F(column), start, PIECE), flat=True).first():
        yield piece
        start += PIECE


def _by_id(task_id: str) -> Link:
    """A link to what a search finds for the id: its result may not be there, or not yet."""
    return Link(
        label=task_id, url=reverse("admin:django_celery_results_taskresult_changelist", query={"q": task_id})
    )


def _schedule(name: str | None, links: tuple[Link, ...]) -> Link | None:
    """The schedule by its name where no app knows the very row."""
    if not name or links:
        return None
    try:
        url = reverse("admin:django_celery_beat_periodictask_changelist", query={"q": name})
    except NoReverseMatch:
        url = ""  # schedules live elsewhere
    return Link(label=name, url=url)


def _group(detail: Any) -> Link | None:
    if detail is None or not detail.group_id:
        return None
    pk = relatives.group_page(detail.group_id)
    url = reverse("admin:django_celery_results_groupresult_change", args=[pk]) if pk else ""
    return Link(label=detail.group_id, url=url)
