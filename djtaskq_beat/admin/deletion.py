"""Deleting in the admin: a light page that says what goes, and a fast deletion, however many rows."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Max, Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.deletion import delete_schedules, delete_tasks, tasks_of

# Mixed into classes of django-celery-beat's, which has no types.
_ModelAdmin: Any = admin.ModelAdmin
_SHOWN = 20
_UP_TO = "djtaskq_up_to"
_OURS = {"djtaskq_beat", "django_celery_beat"}


class LightDeletion(_ModelAdmin):  # type: ignore[misc]
    """Deletion of rows that may be many. Django's own names each of them and all that goes with it.

    Mixed into an admin class before django-celery-beat's.
    """

    delete_selected_confirmation_template = "djtaskq_beat/delete_selected.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = dict(super().get_actions(request))
        if "delete_selected" in actions:
            actions["delete_selected"] = (_delete_selected, *actions["delete_selected"][1:])
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        if _referred_to_by_others(self.model) or _referred_to_by_others(PeriodicTask):
            return super().get_deleted_objects(objs, request)  # which may forbid it, or go along
        rows = self._rows(request, objs)
        tasks = self.tasks_of(rows)
        listed = [*_listed(self.admin_site.name, rows)]
        counts = {str(self.opts.verbose_name_plural): rows.count()}
        allowed = [self]
        if tasks is not rows:
            listed += _listed(self.admin_site.name, tasks)
            counts[str(tasks.model._meta.verbose_name_plural)] = tasks.count()
            allowed.append(self.admin_site.get_model_admin(PeriodicTask))
        lacking = {
            str(owner.opts.verbose_name) for owner in allowed if not owner.has_delete_permission(request)
        }
        return listed, counts, lacking, []

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Without a statement for each row's own text, which django-celery-beat makes of other tables."""
        user: Any = request.user  # a person who may log in here
        content_type = ContentType.objects.get_for_model(self.model, for_concrete_model=False)
        return LogEntry.objects.bulk_create(
            (
                LogEntry(
                    user_id=user.pk,
                    content_type=content_type,
                    object_id=pk,
                    object_repr=text[:200],
                    action_flag=DELETION,
                    change_message="[]",
                )
                for pk, text in _texts(self._rows(request, queryset))
            ),
            batch_size=500,
        )

    def _rows(self, request: HttpRequest, objs: Any) -> QuerySet[Any]:
        if isinstance(objs, QuerySet):
            return objs
        rows: QuerySet[Any] = self.get_queryset(request).filter(pk__in=[obj.pk for obj in objs])
        return rows

    def tasks_of(self, rows: QuerySet[Any]) -> QuerySet[PeriodicTask]:
        """The periodic tasks that go with these rows; the same object if they are the rows."""
        raise NotImplementedError


class LightTaskDeletion(LightDeletion):
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:  # noqa: ARG002  Django's signature
        delete_tasks(queryset)

    def tasks_of(self, rows: QuerySet[Any]) -> QuerySet[PeriodicTask]:
        return rows


class LightScheduleDeletion(LightDeletion):
    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.delete_queryset(request, self._rows(request, [obj]))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:  # noqa: ARG002  Django's signature
        delete_schedules(queryset)

    def tasks_of(self, rows: QuerySet[Any]) -> QuerySet[PeriodicTask]:
        return tasks_of(self.model, rows.order_by().values("pk"))


def _delete_selected(modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
    """Django's action; a choice of all rows is asked back as one, up to the last of those that were shown."""
    if request.POST.get(_UP_TO, "").isdecimal():
        queryset = queryset.filter(pk__lte=int(request.POST[_UP_TO]))
    response = delete_selected(modeladmin, request, queryset)
    if isinstance(response, TemplateResponse) and request.POST.get("select_across") == "1":
        last = queryset.order_by().aggregate(last=Max("pk"))["last"]
        response.context_data = {
            **(response.context_data or {}),
            "queryset": queryset[:1],
            "select_across": True,
            "up_to": last,
        }
    return response


def _referred_to_by_others(model: type[Model]) -> bool:
    """Whether a project's own tables refer to it."""
    return any(
        relation.related_model._meta.app_label not in _OURS for relation in model._meta.related_objects
    )


def _listed(site: str, rows: QuerySet[Any]) -> Iterator[SafeString | str]:
    options = rows.model._meta
    for pk, text in _texts(rows.order_by("pk")[:_SHOWN]):
        url = reverse(f"{site}:{options.app_label}_{options.model_name}_change", args=[pk])
        yield format_html('{}: <a href="{}">{}</a>', capfirst(options.verbose_name), url, text)
    if (more := rows.count() - _SHOWN) > 0:
        yield _("… and %(count)s more %(names)s") % {
            "count": f"{more:,}",
            "names": options.verbose_name_plural,
        }


def _texts(rows: QuerySet[Any]) -> Iterator[tuple[Any, str]]:
    """Key and text of each row; of a periodic task its name, whatever its schedule's row holds."""
    if issubclass(rows.model, PeriodicTask):
        yield from rows.values_list("pk", "name")
    else:
        yield from ((row.pk, str(row)) for row in rows)
