"""What the list of tasks is filtered by: all of it in the URL."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from celery import current_app
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djtaskq.admin import lists
from djtaskq.admin.filters import ExactFilter, TimeFilter
from djtaskq_monitor import search
from djtaskq_monitor.models import TASK_STATES, QueueState, WorkerState
from djtaskq_monitor.search import Compared, Same, Text, Tree

SUGGESTED = 500


class _Condition:
    """A filter that is a condition of the search; it narrows no rows itself."""

    def condition(self, value: str) -> Tree | None:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's signature
        return queryset


class StateFilter(_Condition, lists.StateFilter):
    parameter_name = "state"
    states = TASK_STATES

    def condition(self, value: str) -> Tree:
        return Same("state", value)


class NameFilter(_Condition, ExactFilter):
    title = _("task name")
    parameter_name = "name"

    def condition(self, value: str) -> Tree:
        return Same("name", value)

    def suggestions(self, changelist: Any) -> Iterable[str]:
        """The tasks on the page, and those that this process knows."""
        shown = sorted({row.name for row in changelist.result_list if row.name})
        return [*shown, *sorted(name for name in current_app.tasks if not name.startswith("celery."))]


class WorkerFilter(_Condition, ExactFilter):
    title = _("worker")
    parameter_name = "worker"

    def condition(self, value: str) -> Tree:
        return Same("worker", value)

    def suggestions(self, changelist: Any) -> Iterable[str]:  # noqa: ARG002  the same for every page
        return WorkerState.objects.order_by("hostname").values_list("hostname", flat=True)[:SUGGESTED]


class QueueFilter(_Condition, ExactFilter):
    title = _("queue")
    parameter_name = "queue"

    def condition(self, value: str) -> Tree:
        return Same("queue", value)

    def suggestions(self, changelist: Any) -> Iterable[str]:  # noqa: ARG002  the same for every page
        known = QueueState.objects.order_by("name").values_list("name", flat=True)[:SUGGESTED]
        return sorted({*known, *current_app.amqp.queues})


class ExceptionFilter(_Condition, ExactFilter):
    """A part of what was raised: its class, or words of it."""

    title = _("exception")
    parameter_name = "exception"

    def condition(self, value: str) -> Tree:
        return Text("exception", value.casefold())


class RootFilter(_Condition, ExactFilter):
    title = _("root id")
    parameter_name = "root"

    def condition(self, value: str) -> Tree:
        return Same("root", value)


class SlowerFilter(_Condition, ExactFilter):
    """Tasks that ran as long or longer; what cannot be read as a span filters nothing."""

    title = _("ran at least")
    parameter_name = "slower"

    def condition(self, value: str) -> Tree | None:
        seconds = search.seconds(value.strip())
        return None if seconds is None else Compared("runtime", ">=", seconds)


class SeenFilter(TimeFilter):
    """By the first event: the time that the list is in the order of."""

    title = _("time")  # type: ignore[assignment]  # lazy
    column = "first_seen"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        return queryset

    def bounds(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """Each is a date, a time, or a span before now as `15m` or `7d`."""
        now = timezone.localtime()
        since, until = (str(self.used_parameters.get(name, "")) for name in self.names)
        return search.moment(since, now), search.moment(until, now)

    def conditions(self) -> list[Tree]:
        found = zip((">=", "<"), self.bounds(), strict=True)
        return [Compared("seen", sign, at) for sign, at in found if at is not None]
