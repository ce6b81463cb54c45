"""Where a task stands, for scripts and pages of one's own. Closed to all but staff who may see results."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from djtaskq.redactor import redactor
from djtaskq_results import queries

PERMISSION = "django_celery_results.view_taskresult"


@never_cache
@require_safe
def task_status(request: HttpRequest, task_id: str) -> JsonResponse:
    """`{task_id, state}` with `result`, `error` or `progress`; 404 for a task that nobody wrote about.

    What stands under a secret name is left out, as on the pages.
    The error is the exception's line; tracebacks show source and values, and stay in the admin.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_active or not user.is_staff or not user.has_perm(PERMISSION):
        raise PermissionDenied
    known = queries.status(task_id)
    if known is None:
        raise Http404
    told = {name: redactor().value(known[name]) for name in ("result", "error", "progress") if name in known}
    return JsonResponse({**known, **told})
