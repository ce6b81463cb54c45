"""Who asks, and whether they may: a token, or somebody who is logged in. Closed to everybody else."""

import dataclasses
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware

from djtaskq.conf import conf
from djtaskq_monitor.api import throttle, tokens
from djtaskq_monitor.api.errors import ApiError, forbidden
from djtaskq_monitor.api.models import ApiToken

# Of one address in a minute: tokens that are none of ours.
MOST_WRONG = 20
SAFE = frozenset({"GET", "HEAD"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="djtaskq"'}


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in; `token` is None for who is logged in."""

    user: Any
    token: ApiToken | None = None

    def may(self, permission: str, *, changes: bool) -> bool:
        if changes and self.token is not None and self.token.scope != ApiToken.CONTROL:
            return False
        user = self.user
        return bool(user.is_active and user.is_staff and user.has_perm(permission))

    @property
    def signature(self) -> str:
        """How the log tells a token from its user."""
        return f"API token {self.token.name!r}" if self.token else "API"


def caller_of(request: HttpRequest) -> Caller:
    """Who asks; raises an `ApiError` (401, 429, and 403 for a POST from another site)."""
    header = request.headers.get("Authorization")
    caller = _logged_in(request) if header is None else _bearer(request, header)
    own = f"token:{caller.token.pk}" if caller.token else f"user:{caller.user.pk}"
    throttle.spend(own, conf().MONITOR_API_RATE)
    # The admin's log, and whoever else asks, finds the token's user in the usual place.
    request.user = caller.user
    return caller


def _bearer(request: HttpRequest, header: str) -> Caller:
    scheme, _, text = header.partition(" ")
    row = tokens.found(text.strip()) if scheme.lower() == "bearer" else None
    problem = "Authorization: Bearer with a token that is known, please." if row is None else row.problem()
    if row is None or problem:
        throttle.spend(f"wrong:{request.META.get('REMOTE_ADDR', '')}", MOST_WRONG)
        raise _unauthorized(problem)
    tokens.tell_used(row)
    return Caller(row.user, row)


def _logged_in(request: HttpRequest) -> Caller:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        raise _unauthorized("Log in, or send a token: Authorization: Bearer …")
    if request.method not in SAFE:
        _check_origin(request)
    return Caller(user)


def _unauthorized(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, message, _CHALLENGE)


class _Csrf(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:  # noqa: ARG002  the signature is Django's
        raise forbidden(f"CSRF: {reason}")


def _check_origin(request: HttpRequest) -> None:
    """The views are exempt, since tokens need none of it; a cookie does."""
    check: Any = _Csrf(_nothing)
    # A form is looked through for the token: what was read as a body before can be read again.
    _ = request.body
    check.process_request(request)
    check.process_view(request, _nothing, (), {})


def _nothing(_request: HttpRequest) -> Any:
    return None
