"""What is wrong with the form as it stands, told while one types; nothing is saved."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_celery_beat import admin as theirs
from django_celery_beat.models import PeriodicTask

from djtaskq.admin import widgets
from djtaskq_beat.admin.consumers import nobody_consumes
from djtaskq_beat.errors import Unschedulable
from djtaskq_beat.outlook import first_slots
from djtaskq_beat.rows import row_of

_SHOWN = 3
_WHOLE_FORM = "schedule"


class Validation(theirs.PeriodicTaskAdmin):  # type: ignore[misc]  # django-celery-beat has no types
    """Two views that the form's script asks; a part of the periodic task's admin class."""

    def get_urls(self) -> list[URLPattern]:
        views = (("validate", self.validate_view), ("consumers", self.consumers_view))
        return [
            *(
                path(f"{name}/", self.admin_site.admin_view(require_POST(view)), name=f"djtaskq_beat_{name}")
                for name, view in views
            ),
            *super().get_urls(),
        ]

    def get_form(self, request: HttpRequest, obj: PeriodicTask | None = None, **options: Any) -> Any:
        form = super().get_form(request, obj, **options)
        form.celery_app = self.celery_app
        return form

    def validate_view(self, request: HttpRequest) -> JsonResponse:
        """Errors and warnings by field, as saving would tell them, and the first slots of the schedule."""
        task = self._typed_about(request)
        form = self.get_form(request, task, change=task is not None)(request.POST, instance=task)
        fields = {
            (_WHOLE_FORM if name == "__all__" else name): [
                {"level": "error", "text": str(text)} for text in texts
            ]
            for name, texts in form.errors.items()
        }
        for name, texts in form.warnings.items():
            fields.setdefault(name, []).extend({"level": "warning", "text": str(text)} for text in texts)
        return JsonResponse({"fields": fields, "next": _next_runs(form)})

    def consumers_view(self, request: HttpRequest) -> JsonResponse:
        """Whether a worker consumes the queue as typed: apart from the rest, since workers are asked."""
        self._typed_about(request)
        return JsonResponse({"warning": self.queue_warning(request)})

    def queue_warning(self, request: HttpRequest) -> str:
        """A warning where nobody consumes the queue that the form's messages would go to; else empty."""
        task = request.POST.get("regtask") or request.POST.get("task", "")
        return nobody_consumes(self.celery_app, request.POST.get("queue", "").strip(), task.strip())

    def _typed_about(self, request: HttpRequest) -> PeriodicTask | None:
        """The saved task that the form is about, none on the page that adds one; refuses who may not."""
        pk = request.POST.get("djtaskq_task", "")
        task = self.get_object(request, pk) if pk else None
        may = self.has_change_permission(request, task) if pk else self.has_add_permission(request)
        if not may or (pk and task is None):
            raise PermissionDenied
        return task


def _next_runs(form: Any) -> list[str]:
    try:
        slots = first_slots(row_of(form.instance), timezone.now(), _SHOWN)
    except (Unschedulable, ValueError, TypeError, ArithmeticError):  # said by the form's own errors
        return []
    return [widgets.exactly(slot) for slot in slots]
