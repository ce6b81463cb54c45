"""What people do to results: run again, revoke, terminate, forget, export; on a few, or on all that match."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from celery import current_app
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from djtaskq.admin.filters import ExactFilter, TimeFilter
from djtaskq.admin.pages import KeysetAdmin
from djtaskq.calling import BROKER_AWAY
from djtaskq.conf import conf
from djtaskq.db.plans import by_index
from djtaskq_results import exports, operations
from djtaskq_results.admin.filters import StateFilter
from djtaskq_results.models import Operation
from djtaskq_results.tasks import proceed

# As many are done while the person waits; more of them in the background.
AT_ONCE = 100
SIGNALS = ("SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT", "SIGUSR1")
_KIND = Operation.Kind


class _NoOptions(forms.Form):
    pass


class _QueueForm(forms.Form):
    queue = forms.CharField(
        required=False,
        max_length=255,
        help_text=gettext_lazy("Leave it empty for the queue that the task is routed to."),
    )


class _SignalForm(forms.Form):
    signal = forms.ChoiceField(choices=[(signal, signal) for signal in SIGNALS])


@dataclasses.dataclass(frozen=True, slots=True)
class _Words:
    """What a confirmation says of an action, and the form of its options."""

    title: str | Promise
    text: str | Promise
    button: str | Promise
    form: type[forms.Form] = _NoOptions
    flag: int = CHANGE


WORDS: Mapping[Any, _Words] = {
    _KIND.RUN_AGAIN: _Words(
        gettext_lazy("Run again"),
        gettext_lazy(
            "Each is sent once more under its own name and a new id, with the arguments that are stored."
            " Those whose real arguments are not stored are left out: run each of them from its page."
        ),
        gettext_lazy("Yes, run them again"),
        _QueueForm,
    ),
    _KIND.REVOKE: _Words(
        gettext_lazy("Revoke"),
        gettext_lazy(
            "Workers will not begin them. Those that have ended are left out; those that run go on."
        ),
        gettext_lazy("Yes, revoke them"),
    ),
    _KIND.TERMINATE: _Words(
        gettext_lazy("Terminate"),
        gettext_lazy(
            "The worker's processes that run them are sent a signal: what they were at is left half done."
            " Those that wait are revoked, and those that have ended are left out."
        ),
        gettext_lazy("Yes, terminate them"),
        _SignalForm,
    ),
    _KIND.FORGET: _Words(
        gettext_lazy("Forget"),
        gettext_lazy("The results are deleted, and whoever waits for one of them waits for ever."),
        gettext_lazy("Yes, delete these results"),
        flag=DELETION,
    ),
}


class Actions(KeysetAdmin):
    """The actions of the list of results; a part of its admin class."""

    actions = ("run_again", "revoke", "terminate", "forget", "export_csv", "export_json")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Django's deletion names each row and all that refers to it; forgetting goes through them in batches.
        found = super().get_actions(request)
        return {name: action for name, action in found.items() if name != "delete_selected"}

    def has_run_again_permission(self, request: HttpRequest) -> bool:
        return _may(request, "djtaskq_results.run_task_again")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return _may(request, "djtaskq_results.revoke_task")

    def has_terminate_permission(self, request: HttpRequest) -> bool:
        return _may(request, "djtaskq_results.terminate_task")

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return self.has_delete_permission(request)

    @admin.action(description=gettext_lazy("Run again"), permissions=["run_again"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._asked(request, queryset, _KIND.RUN_AGAIN)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._asked(request, queryset, _KIND.REVOKE)

    @admin.action(description=gettext_lazy("Terminate"), permissions=["terminate"])
    def terminate(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._asked(request, queryset, _KIND.TERMINATE)

    @admin.action(description=gettext_lazy("Forget (delete)"), permissions=["forget"])
    def forget(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._asked(request, queryset, _KIND.FORGET)

    @admin.action(description=gettext_lazy("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:  # noqa: ARG002  Django's signature
        return _file(exports.csv_lines(queryset), "csv", "text/csv; charset=utf-8")

    @admin.action(description=gettext_lazy("Export as JSON"), permissions=["view"])
    def export_json(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:  # noqa: ARG002
        return _file(exports.json_lines(queryset), "json", "application/json")

    def _asked(self, request: HttpRequest, queryset: QuerySet[Any], kind: Any) -> HttpResponse | None:
        """Ask back at first; do it once that was answered. None leads back to the list."""
        criteria = self._criteria(request)
        if criteria is None:
            text = _("This list was narrowed by a link that cannot be repeated later. Select page by page.")
            messages.error(request, text)
            return None
        confirmed = request.POST.get("confirmed") == "yes"
        form = WORDS[kind].form(request.POST if confirmed else None)
        up_to = request.POST.get("up_to", "")
        last_pk = int(up_to) if confirmed and up_to.isdecimal() else operations.newest_key()
        rows = queryset.order_by().filter(pk__lte=last_pk)
        limit = conf().ADMIN_COUNT_LIMIT
        with by_index(rows.db):
            count = rows[: limit + 1].count()
        if not (confirmed and form.is_valid()):
            return self._confirmation(request, kind, form, {"count": count, "limit": limit, "up_to": last_pk})
        operation = operations.begin(
            kind,
            criteria,
            options=form.cleaned_data,
            username=request.user.get_username(),
            last_pk=last_pk,
        )
        if count <= AT_ONCE:
            return self._at_once(request, operation, list(rows.only("pk", "task_id", "status")))
        return _in_background(request, operation)

    def _criteria(self, request: HttpRequest) -> dict[str, Any] | None:
        """Which rows, in words that a worker understands; None for those that it would not."""
        if request.POST.get("select_across") != "1":
            return {"pks": [int(pk) for pk in request.POST.getlist(ACTION_CHECKBOX_NAME) if pk.isdecimal()]}
        changelist: Any = self.get_changelist_instance(request)
        if changelist.others():
            return None
        found: dict[str, Any] = {"search": changelist.query.strip()} if changelist.query.strip() else {}
        for spec in changelist.filter_specs:
            if isinstance(spec, ExactFilter | StateFilter) and spec.value():
                found[str(spec.parameter_name)] = spec.value()
            elif isinstance(spec, TimeFilter):
                bounds = zip(spec.names, spec.bounds(), strict=True)
                found |= {name: bound.isoformat() for name, bound in bounds if bound is not None}
        return found

    def _confirmation(
        self, request: HttpRequest, kind: Any, form: forms.Form, context: Mapping[str, Any]
    ) -> TemplateResponse:
        words = WORDS[kind]
        across = request.POST.get("select_across") == "1"
        selected = [pk for pk in request.POST.getlist(ACTION_CHECKBOX_NAME) if pk.isdecimal()]
        return TemplateResponse(
            request,
            "djtaskq_results/confirm.html",
            {
                **self.admin_site.each_context(request),
                "title": words.title,
                "words": words,
                "form": form,
                "opts": self.opts,
                "media": self.media,
                "action": kind,
                "checkbox": ACTION_CHECKBOX_NAME,
                # Without one, the admin says that nothing is selected.
                "selected": selected[:1] if across else selected,
                "select_across": across,
                **context,
            },
        )

    def _at_once(self, request: HttpRequest, operation: Operation, rows: list[Any]) -> HttpResponse | None:
        words = WORDS[operation.kind]
        _log(request, rows, words.flag, f"{words.title} ({operation.options or '-'})")
        try:
            operations.proceed(operation.pk, current_app)
        except BROKER_AWAY:
            return _to(request, operation, _("The broker cannot be reached. Go on once it is back."))
        operation.refresh_from_db()
        done = ngettext("%(what)s: %(done)d done", "%(what)s: %(done)d done", operation.done)
        text = done % {"what": words.title, "done": operation.done}
        if operation.skipped:
            text = _("%(text)s, %(count)d left out. %(why)s") % {
                "text": text,
                "count": operation.skipped,
                "why": operation.problem,
            }
        messages.add_message(request, messages.WARNING if operation.skipped else messages.SUCCESS, text)
        return None


def _in_background(request: HttpRequest, operation: Operation) -> HttpResponse:
    _log(request, [operation], ADDITION, f"{operation.get_kind_display()}: {operation.criteria}")
    return start(request, operation)


def start(request: HttpRequest, operation: Operation) -> HttpResponse:
    """Have a worker go on with it; leads to its page."""
    try:
        proceed.apply_async((str(operation.pk),), retry=False)
    except BROKER_AWAY:
        return _to(request, operation, _("The broker cannot be reached. Go on once it is back."))
    return _to(request, operation, "")


def _to(request: HttpRequest, operation: Operation, problem: str) -> HttpResponse:
    if problem:
        messages.error(request, problem)
    return HttpResponseRedirect(reverse("admin:djtaskq_results_operation_change", args=[operation.pk]))


def _log(request: HttpRequest, rows: list[Any], flag: int, text: str) -> None:
    user: Any = request.user  # a person who may log in here
    if rows:
        LogEntry.objects.log_actions(user.pk, rows, flag, change_message=text)


def _may(request: HttpRequest, permission: str) -> bool:
    user: Any = request.user
    return bool(user.has_perm(permission))


def _file(lines: Any, ending: str, content_type: str) -> StreamingHttpResponse:
    name = f"results-{timezone.now():%Y%m%d-%H%M%S}.{ending}"
    return StreamingHttpResponse(
        lines, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
