"""An endpoint: who may ask, what it does, and what is answered where that fails."""

import dataclasses
import json
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from djtaskq.db.text import storable
from djtaskq_monitor.api import access
from djtaskq_monitor.api.access import SAFE, Caller
from djtaskq_monitor.api.errors import ApiError, bad, forbidden
from djtaskq_monitor.api.given import Given
from djtaskq_monitor.control.asking import ControlError

AWAY = "Broker or result backend unavailable"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    request: HttpRequest
    caller: Caller
    given: Given

    def demand(self, permission: str) -> None:
        """Raises an `ApiError` for who lacks a permission that not every request of this endpoint needs."""
        if not self.caller.may(permission, changes=self.request.method not in SAFE):
            raise forbidden(f"This takes the permission {permission}.")


Work = Callable[..., Any]
# An `ApiError` is a `ControlError`.
FAILURES = (ControlError, DatabaseError, InterfaceError)


def endpoint(method: str, permission: str) -> Callable[[Work], Callable[..., HttpResponse]]:
    """Make a view of `work(call, …)`, which returns what is answered as JSON."""
    methods = frozenset({"GET", "HEAD"} if method == "GET" else {method})

    def made(work: Work) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, **names: str) -> HttpResponse:
            try:
                return _answered(request, methods, permission, work, names)
            except FAILURES as error:
                return failed(error)

        view.__name__, view.__doc__ = work.__name__, work.__doc__
        cast("Any", view).permission = permission
        return cast("Callable[..., HttpResponse]", csrf_exempt(never_cache(view)))

    return made


def _answered(
    request: HttpRequest, methods: frozenset[str], permission: str, work: Work, names: dict[str, str]
) -> HttpResponse:
    if request.method not in methods:
        raise ApiError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"This takes {' or '.join(sorted(methods))}.",
            {"Allow": ", ".join(sorted(methods))},
        )
    call = admitted(request)
    call.demand(permission)
    return answer(work(call, **{name: storable(value) for name, value in names.items()}))


def admitted(request: HttpRequest) -> Call:
    """The request of somebody who may ask at all, read to its end; raises an `ApiError`."""
    try:
        call = Call(request, access.caller_of(request), Given(request))
        # Read as far as the project's settings allow.
        _ = request.body, request.POST
    except RequestDataTooBig:
        raise ApiError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE."
        ) from None
    except (SuspiciousOperation, BadRequest, UnreadablePostError) as error:
        raise bad(f"The request cannot be read: {error}") from None
    return call


def answer(data: Any) -> HttpResponse:
    return data if isinstance(data, HttpResponse) else HttpResponse(as_json(data), "application/json")


def as_json(data: Any) -> str:
    try:
        return json.dumps(data, cls=_Encoder, allow_nan=False)
    except ValueError:
        # Results may hold numbers that JSON has no word for.
        return json.dumps(_finite(data), cls=_Encoder)


class _Encoder(DjangoJSONEncoder):
    def default(self, value: Any) -> Any:
        try:
            return super().default(value)
        except TypeError:
            return repr(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def failed(error: Exception) -> HttpResponse:
    """What is answered where one of `FAILURES` was raised."""
    if isinstance(error, ApiError):
        return JsonResponse({"error": str(error)}, status=error.status, headers=dict(error.headers))
    said = str(error) if isinstance(error, ControlError) else "The database is not available."
    return JsonResponse({"error": said}, status=HTTPStatus.SERVICE_UNAVAILABLE)
