"""The API as a whole: what it says of itself, how it reads and writes, and what it answers to mistakes."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.renderers import BaseRenderer
from pydantic import BaseModel

from djtaskq_monitor.api.endpoints import FAILURES, as_json, failed
from djtaskq_monitor.api.errors import ApiError, bad
from djtaskq_monitor.api.v1.access import Permitted

_ERRORS = frozenset({400, 401, 403, 404, 413, 429, 503})
_ABOUT = """Tasks, workers, queues, statistics and schedules as they are in the database.

Lists come in pages: `next` of an answer is the `cursor` of the next page, null on the last one. Times are in
ISO 8601 with their offset, durations in seconds. Errors are `{"error": "why"}`.
"""


class Error(BaseModel):
    """Why it was not done."""

    error: str


class _Json(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> str:  # noqa: ARG002  ninja's signature
        return as_json(data)


class _Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Any) -> str:
        return str(operation.view_func.__name__)


api = _Api(
    title="djtaskq",
    version="1",
    description=_ABOUT,
    docs_url=None,
    openapi_url=None,
    urls_namespace="djtaskq_monitor_v1",
    renderer=_Json(),
)


def operation(
    method: str, path: str, permission: str | Permitted, answer: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make `work(request, …)` an operation; `answer` is the shape of what it returns."""
    allowed = permission if isinstance(permission, Permitted) else Permitted(permission)
    made: Any = api.api_operation([method], path, auth=allowed, response={200: answer, _ERRORS: Error})
    return made  # type: ignore[no-any-return]


def _failed(request: HttpRequest, error: Any) -> HttpResponse:  # noqa: ARG001  ninja's signature
    return failed(error)


def _refused(request: HttpRequest, error: Any) -> HttpResponse:  # noqa: ARG001
    problems = (f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors)
    return failed(bad(f"Invalid argument {'; '.join(problems)}"))


def _unreadable(request: HttpRequest, error: Any) -> HttpResponse:  # noqa: ARG001
    return failed(ApiError(HTTPStatus(error.status_code), str(error)))


def _missing(request: HttpRequest, error: Any) -> HttpResponse:  # noqa: ARG001
    return failed(ApiError(HTTPStatus.NOT_FOUND, str(error)))


for _kind in FAILURES:
    api.add_exception_handler(_kind, _failed)
api.add_exception_handler(ValidationError, _refused)
api.add_exception_handler(HttpError, _unreadable)
api.add_exception_handler(Http404, _missing)
