"""The lists behind figures: each link as far as the user may follow it."""

from urllib.parse import urlsplit

from django.apps import apps
from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

from djtaskq_monitor.dashboard.spans import Span
from djtaskq_monitor.models import QueueState, TaskName, TaskState, WorkerState


class Links:
    """URLs of pages of this admin site; "" where they are not there or not permitted."""

    def __init__(self, request: HttpRequest, site: AdminSite) -> None:
        self._request, self._site = request, site
        self._may: dict[type[Model], bool] = {}

    def may(self, model: type[Model]) -> bool:
        if model not in self._may:
            self._may[model] = self._site.is_registered(model) and bool(
                self._site.get_model_admin(model).has_view_or_change_permission(self._request)
            )
        return self._may[model]

    def page(self, model: type[Model], page: str, *args: object, **query: str) -> str:
        if not self.may(model):
            return ""
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        try:
            return reverse(name, args=args, query=query or None, current_app=self._site.name)
        except NoReverseMatch:
            return ""

    def permitted(self, url: str) -> str:
        """A URL that somebody else made: "" if it is of a model's page that the user may not see."""
        try:
            name = resolve(urlsplit(url).path).url_name or ""
        except Resolver404:
            return url
        pages = {f"{each._meta.app_label}_{each._meta.model_name}_": each for each in apps.get_models()}
        model = next((model for start, model in pages.items() if name.startswith(start)), None)
        return url if model is None or self.may(model) else ""

    def tasks(self, span: Span | None = None, **query: str) -> str:
        return self.page(TaskState, "changelist", **query, **(span.bounds if span else {}))

    def task(self, pk: int) -> str:
        return self.page(TaskState, "change", pk)

    def workers(self, **query: str) -> str:
        return self.page(WorkerState, "changelist", **query)

    def queues(self) -> str:
        return self.page(QueueState, "changelist")

    def names(self, span: Span, **query: str) -> str:
        return self.page(TaskName, "changelist", **span.query, **query)

    def name(self, name: str, span: Span) -> str:
        return self.page(TaskName, "page", name=name, **span.query) if name else ""
