from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import DeclaredTask

if TYPE_CHECKING:
    _StackedInline = admin.StackedInline[DeclaredTask, PeriodicTask]
else:  # generic for the type checker alone
    _StackedInline = admin.StackedInline


class DeclaredTaskInline(_StackedInline):
    """Where a periodic task comes from, on the page of one that comes from `beat_schedule`.

    Who may change the task may say that its edits are kept.
    """

    model = DeclaredTask
    verbose_name = _("This periodic task comes from beat_schedule in the settings")
    verbose_name_plural = verbose_name
    fields = ("keep_edits", "removed_at")
    readonly_fields = ("removed_at",)
    can_delete = False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Say what becomes of an edit, and where the task was removed what became of that."""
        fields = list(self.get_fields(request, obj))
        if obj is not None and obj.declared_task.removed_at is not None:
            description = _(
                "The settings have it no more, and it was disabled. Once it is enabled here, it stays so."
            )
        else:
            fields.remove("removed_at")
            description = _(
                "What is changed here is overwritten when beat starts the next time, unless its edits are "
                "kept. Whether it is enabled is not overwritten, unless the settings say that as well."
            )
        return [(None, {"fields": fields, "description": description})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeclaredTask]:
        # Django's inline asks for a permission without the task that it is about.
        rows: QuerySet[DeclaredTask] = admin.options.BaseModelAdmin.get_queryset(self, request)
        return rows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = ("django_celery_beat.view_periodictask", "django_celery_beat.change_periodictask")
        return _is_declared(obj) and any(map(request.user.has_perm, may))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_declared(obj) and request.user.has_perm("django_celery_beat.change_periodictask")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  Django's signature
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


def _is_declared(task: PeriodicTask | None) -> bool:
    return task is not None and hasattr(task, "declared_task")
