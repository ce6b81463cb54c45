from http import HTTPStatus

from celery import current_app
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from djtaskq import vitals
from djtaskq_monitor.metrics import exporter, flower, own, reading
from djtaskq_monitor.metrics.text import CONTENT_TYPE, render
from djtaskq_monitor.probing import probed


@never_cache
@require_safe
@probed
def metrics(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  a view is given one
    """Everything in Prometheus' text format; 503 while the database does not answer."""
    try:
        text = exposition()
    except (DatabaseError, InterfaceError) as error:
        text = f"# The database does not answer: {type(error).__name__}\n"
        return HttpResponse(text, CONTENT_TYPE, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return HttpResponse(text, CONTENT_TYPE)


def exposition() -> str:
    now = timezone.now()
    read = reading.read(now)
    return render(
        (
            *flower.families(read),
            *exporter.families(read, current_app.conf.task_default_queue),
            *own.families(vitals.vitals(), now),
        )
    )
