from http import HTTPStatus

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from djtaskq_monitor import queries

PERMISSION = "djtaskq_monitor.view_workerstate"


@never_cache
@require_safe
def healthcheck(request: HttpRequest) -> JsonResponse:
    """Whether the database answers and a camera writes, 503 if not; and how many workers are online.

    For staff with the permission to view workers.
    """
    try:
        user = request.user
        if not (user.is_active and user.is_staff and user.has_perm(PERMISSION)):
            raise PermissionDenied
        health = queries.health()
    except (DatabaseError, InterfaceError):
        return JsonResponse({"database": False}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    answer = {
        "database": True,
        "camera": {"running": health.cameras, "last_write_age": health.last_write},
        "workers": {"online": health.workers_online},
    }
    return JsonResponse(answer, status=HTTPStatus.OK if health.well else HTTPStatus.SERVICE_UNAVAILABLE)
