"""`api/v1/`: each operation by its path, and an error in JSON for everything else."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from djtaskq_monitor.api.endpoints import FAILURES, admitted, failed
from djtaskq_monitor.api.errors import ApiError
from djtaskq_monitor.api.v1 import (  # noqa: F401  each adds its operations
    control,
    document,
    queues,
    schedules,
    statistics,
    task,
    tasks,
    vitals,
    workers,
)
from djtaskq_monitor.api.v1.described import api

View = Callable[..., HttpResponse]


def _in_json(view: View) -> View:
    """The same, and where another method was asked for, an error as all others are."""

    def asked(request: HttpRequest, **names: str) -> HttpResponse:
        answered = view(request, **names)
        if answered.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return answered
        allowed = answered.headers["Allow"]
        return failed(ApiError(HTTPStatus.METHOD_NOT_ALLOWED, f"This takes {allowed}.", {"Allow": allowed}))

    return csrf_exempt(never_cache(asked))


@csrf_exempt
@never_cache
def _nothing(request: HttpRequest) -> HttpResponse:
    try:
        admitted(request)
        raise ApiError(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
    except FAILURES as error:
        return failed(error)


_operations = [each for each in api.urls[0] if isinstance(each, URLPattern) and each.name != "api-root"]
urlpatterns = [
    *(path(str(each.pattern), _in_json(each.callback), name=f"v1_{each.name}") for each in _operations),
    re_path(r"[\s\S]*", _nothing),
]
