"""The filters of the list of periodic tasks; each is served by an index or bounded in what it reads."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djtaskq_beat.lately import tasks_with_runs
from djtaskq_beat.models import TaskRun
from djtaskq_beat.policies import ON_TIME
from djtaskq_beat.timetable import KINDS

_MISSED = Q(state=TaskRun.State.MISSED)
_FAILED = Q(outcome__in=("FAILURE", "REJECTED", "REVOKED"))


class KindFilter(admin.SimpleListFilter):
    title = _("kind of schedule")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002  Django's signature
        names = (_("interval"), _("crontab"), _("solar"), _("clocked"))
        return list(zip(KINDS, names, strict=True))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(**{f"{self.value()}__isnull": False}) if self.value() in KINDS else queryset


class ConditionFilter(admin.SimpleListFilter):
    """What keeps a schedule from running."""

    title = _("condition")
    parameter_name = "condition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("aside", _("set aside with an error")), ("paused", _("paused")), ("overdue", _("overdue"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() == "aside":
            return queryset.filter(next_run__isnull=False).exclude(next_run__error="")
        if self.value() == "paused":
            return queryset.filter(run_policy__paused_until__gt=timezone.now())
        if self.value() == "overdue":
            late = timezone.now() - ON_TIME
            return queryset.filter(next_run__run_at__lt=late, next_run__slot__isnull=False)
        return queryset


class LatelyFilter(admin.SimpleListFilter):
    """What went wrong in the latest runs: of the history, no more than that is read."""

    title = _("the last 24 hours (latest 50,000 runs)")
    parameter_name = "lately"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("failed", _("a run failed")), ("missed", _("a slot was missed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        which = {"failed": _FAILED, "missed": _MISSED}.get(self.value() or "")
        return queryset if which is None else queryset.filter(pk__in=tasks_with_runs(which))


class _Named(admin.SimpleListFilter):
    """One value of a column, by a link from elsewhere: to offer all of them would read the whole table."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        value = self.value()
        return [(value, value)] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class TaskFilter(_Named):
    title = _("task")
    parameter_name = "task"


class QueueFilter(_Named):
    title = _("queue")
    parameter_name = "queue"
