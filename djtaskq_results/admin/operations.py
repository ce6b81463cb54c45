"""What people do to many results: how far each operation is, and who began it."""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from djtaskq.admin import widgets
from djtaskq.admin.lists import BigTableAdmin
from djtaskq.admin.live import LiveAdmin
from djtaskq.admin.parts import bar
from djtaskq_results import operations
from djtaskq_results.admin.actions import start
from djtaskq_results.models import Operation

_KIND = Operation.Kind
PERMISSIONS = {
    _KIND.RUN_AGAIN: "djtaskq_results.run_task_again",
    _KIND.REVOKE: "djtaskq_results.revoke_task",
    _KIND.TERMINATE: "djtaskq_results.terminate_task",
    _KIND.FORGET: "django_celery_results.delete_taskresult",
}


@admin.register(Operation)
class OperationAdmin(LiveAdmin, BigTableAdmin):
    """Operations on results, to be read; who may do the same may stop one, or have it go on."""

    list_display = ("how_far", "what", "username", "began")
    list_display_links = ("what",)
    ordering = ("-created_at",)
    empty_page = "djtaskq_results/no_operations.html"
    readonly_fields = ("what", "which", "how", "username", "began", "over", "problem")
    fields = readonly_fields

    def get_urls(self) -> list[URLPattern]:
        views = (("stop", self.stop_view), ("go-on", self.go_on_view))
        return [
            *(
                path(
                    f"<uuid:pk>/{slug}/",
                    self.admin_site.admin_view(require_POST(view)),
                    name=f"djtaskq_results_operation_{slug.replace('-', '_')}",
                )
                for slug, view in views
            ),
            *super().get_urls(),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who began an operation sees how far it is."""
        own = obj is not None and obj.username == request.user.get_username() and request.user.is_active
        return own or super().has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  Django's signature
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        operation = kwargs.get("obj")
        if operation is not None:
            context |= {
                "panel_template": "djtaskq_results/operation_panel.html",
                "operation": operation,
                "handled": _handled(operation),
                "state": _state(operation),
                "held": operations.is_held(operation),
                "may": _may(request, operation),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def stop_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        operation = self._allowed(request, pk)
        operations.stop(operation)
        self.log_change(request, operation, "Stopped.")
        messages.success(request, _("Stopped: what is done stays done."))
        return HttpResponseRedirect(_page_of(operation))

    def go_on_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        operation = self._allowed(request, pk)
        self.log_change(request, operation, "Told to go on.")
        return start(request, operation)

    def _allowed(self, request: HttpRequest, pk: Any) -> Operation:
        operation = Operation.objects.filter(pk=pk).first()
        if operation is None:
            raise Http404
        if not (self.has_view_permission(request, operation) and _may(request, operation)):
            raise PermissionDenied
        return operation

    @admin.display(description=gettext_lazy("how far"))
    def how_far(self, operation: Operation) -> SafeString:
        return widgets.stacked(_state(operation), _handled(operation))

    @admin.display(description=gettext_lazy("what"))
    def what(self, operation: Operation) -> str:
        return operation.get_kind_display()

    @admin.display(description=gettext_lazy("which"))
    def which(self, operation: Operation) -> SafeString | str:
        keys = operation.criteria.get("pks")
        if keys is not None:
            return _("%d selected results") % len(keys)
        found = operation.criteria
        return widgets.block(json.dumps(found, indent=2, ensure_ascii=False)) if found else _("all results")

    @admin.display(description=gettext_lazy("how"))
    def how(self, operation: Operation) -> str:
        return (
            ", ".join(f"{name}: {value}" for name, value in operation.options.items() if value)
            or widgets.DASH
        )

    @admin.display(description=gettext_lazy("begun"))
    def began(self, operation: Operation) -> SafeString | str:
        return widgets.when(operation.created_at)

    @admin.display(description=gettext_lazy("ended"))
    def over(self, operation: Operation) -> SafeString | str:
        return widgets.when(operation.ended_at)


def _state(operation: Operation) -> SafeString:
    if operation.stopped:
        return widgets.badge("ended", "⊘", _("stopped"))
    if operation.ended_at is not None:
        return widgets.badge("good", "✓", _("done"))
    return (
        widgets.badge("running", "▶", _("under way"))
        if operation.reached
        else widgets.badge("waiting", "…", _("waiting for a worker"))
    )


def _handled(operation: Operation) -> SafeString:
    """How many of how many, as far as it is known beforehand."""
    handled = operation.done + operation.skipped
    text = f"{handled:,}"
    if operation.expected is None:
        return bar(handled, None, text=text)
    text = _("%(done)s of %(all)s") % {"done": text, "all": f"{operation.expected:,}"}
    return bar(handled, operation.expected, _("how far"), text=text)


def _may(request: HttpRequest, operation: Operation) -> bool:
    user: Any = request.user
    return bool(user.has_perm(PERMISSIONS[_KIND(operation.kind)]))


def _page_of(operation: Operation) -> str:
    return reverse("admin:djtaskq_results_operation_change", args=[operation.pk])
