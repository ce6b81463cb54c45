"""Whether all is well, for machines; see `probing` for who may ask."""

from http import HTTPStatus

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from djtaskq_monitor import health
from djtaskq_monitor.probing import probed


@never_cache
@require_safe
@probed
def healthcheck(request: HttpRequest) -> JsonResponse:  # noqa: ARG001  a view is given one
    """Database, broker, camera, workers, and what else tells of itself, with its age; 503 if it is bad."""
    return _answer(health.whole())


@never_cache
@require_safe
@probed
def readiness(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Whether this process can do its work: 503 while the database or the broker does not answer."""
    return _answer(health.of_this_process())


@never_cache
@require_safe
@probed
def liveness(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Whether this process answers at all; it asks nobody else."""
    return _answer(health.Health(well=True, told={}))


def _answer(found: health.Health) -> JsonResponse:
    status = HTTPStatus.OK if found.well else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"well": found.well, **found.told}, status=status)
