"""What can be done with a queue: look at what waits, and delete it."""

from collections.abc import Callable
from typing import Any

from celery import current_app
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from djtaskq.admin import audit
from djtaskq.db.anyof import AnyOf
from djtaskq.errors import DjtaskqError
from djtaskq.redactor import redactor
from djtaskq_monitor.admin.dashboard import PageAdmin
from djtaskq_monitor.brokers import writing
from djtaskq_monitor.brokers.broker import Broker
from djtaskq_monitor.brokers.choosing import asking
from djtaskq_monitor.brokers.figures import BrokerRefuses
from djtaskq_monitor.brokers.messages import Waiting
from djtaskq_monitor.dashboard.links import Links
from djtaskq_monitor.models import QueueState, TaskState

# So many waiting messages are shown.
SHOWN = 20
_PEEK, _PURGE = "djtaskq_monitor.peek_queue", "djtaskq_monitor.purge_queue"


class Purging(forms.Form):
    """The number of messages, typed by hand: nobody does that by mistake."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    messages = forms.IntegerField(
        label=gettext_lazy("Number of messages"), widget=forms.TextInput({"autocomplete": "off"})
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and given["messages"] != given["seen"]:
            self.add_error("messages", _("Type %d, the number of messages that wait.") % given["seen"])
        return given


class QueueActions(PageAdmin):
    """The pages behind the buttons of a queue's page, each behind its own permission."""

    row: Callable[[int], QueueState]

    def action_urls(self) -> list[URLPattern]:
        return [
            self._action("<int:pk>/messages/", self.peek, "peek", _PEEK, "POST"),
            self._action("<int:pk>/purge/", self.purge, "purge", _PURGE, "GET", "HEAD", "POST"),
        ]

    def permitted(self, request: HttpRequest) -> dict[str, bool]:
        user: Any = request.user
        return {"may_peek": user.has_perm(_PEEK), "may_purge": user.has_perm(_PURGE)}

    def peek(self, request: HttpRequest, row: QueueState) -> HttpResponse:
        """The first messages that wait; asked for by POST, since RabbitMQ marks what it shows."""
        written = audit.write(request, [row], _("Read the first %d waiting messages") % SHOWN)
        try:
            with asking(current_app) as broker:
                waiting = broker.peek(row.name, SHOWN)
        except DjtaskqError as error:
            written.complete(str(error))
            return self._back(request, row, str(error))
        written.complete(ngettext("%d was shown", "%d were shown", len(waiting)) % len(waiting))
        context = self.context(
            request,
            _("Waiting messages"),
            row=row,
            waiting=_shown(waiting, Links(request, self.admin_site)),
            most=SHOWN,
            redelivered=any(message.redelivered for message in waiting),
        )
        return TemplateResponse(request, "djtaskq_monitor/queue_messages.html", context)

    def purge(self, request: HttpRequest, row: QueueState) -> HttpResponse:
        """Ask for the number of messages; with that number, delete them."""
        try:
            with asking(current_app) as broker:
                length = _length(broker, row.name)
                form = Purging(request.POST if request.method == "POST" else None, initial={"seen": length})
                if form.is_valid():
                    return self._purged(request, row, broker)
        except DjtaskqError as error:
            return self._back(request, row, str(error))
        if not length:
            return self._back(request, row, _("Nothing waits in this queue."), messages.INFO)
        # What waits changes while somebody types: the number that was read is the one that counts.
        seen = form.cleaned_data.get("seen", length) if form.is_bound else length
        context = self.context(request, _("Purge the queue"), row=row, form=form, seen=seen)
        return TemplateResponse(request, "djtaskq_monitor/purge_queue.html", context)

    def _purged(self, request: HttpRequest, row: QueueState, broker: Broker) -> HttpResponse:
        written = audit.write(request, [row], _("Purge the queue"))
        try:
            gone = broker.purge(row.name)
        except DjtaskqError as error:
            written.complete(str(error))
            raise
        said = ngettext("%s message was deleted", "%s messages were deleted", gone) % f"{gone:,}"
        written.complete(said)
        writing.write(broker.figures([row.name]), timezone.now(), using=_alias(row))
        return self._back(request, row, f"{said}.", messages.SUCCESS)

    def _back(
        self, request: HttpRequest, row: QueueState, said: str, level: int = messages.ERROR
    ) -> HttpResponse:
        self.message_user(request, said, level)
        url = reverse("admin:djtaskq_monitor_queuestate_change", args=[row.pk])
        return HttpResponseRedirect(url)

    def _action(
        self, route: str, view: Callable[..., HttpResponse], name: str, permission: str, *methods: str
    ) -> URLPattern:
        def permitted(request: HttpRequest, pk: int) -> HttpResponse:
            user: Any = request.user
            if not (self.has_view_permission(request) and user.has_perm(permission)):
                raise PermissionDenied
            return view(request, self.row(pk))

        allowed = require_http_methods(methods)(permitted)
        name = f"djtaskq_monitor_queuestate_{name}"
        return path(route, self.admin_site.admin_view(never_cache(allowed)), name=name)


def _length(broker: Broker, name: str) -> int:
    figures = broker.figures([name])[name]
    if figures.problem or figures.length is None:
        reason = figures.problem or _("it does not tell how many messages wait.")
        raise BrokerRefuses(reason=reason)
    return figures.length


def _alias(row: QueueState) -> str:
    return router.db_for_write(QueueState, instance=row)


def _shown(waiting: list[Waiting], links: Links) -> list[dict[str, Any]]:
    """Messages with their secrets taken out, and a link to the task where its events are known."""
    ids = [message.task_id for message in waiting if message.task_id]
    known: dict[str, int] = {}
    if ids:
        tasks = TaskState.objects.filter(AnyOf("task_id", ids)).order_by()
        known = dict(tasks.values_list("task_id", "pk"))
    redact = redactor().text
    return [
        {
            "message": message,
            "url": links.task(known[message.task_id]) if message.task_id in known else "",
            "arguments": "  ".join(redact(text) for text in (message.args, message.kwargs) if text),
        }
        for message in waiting
    ]
