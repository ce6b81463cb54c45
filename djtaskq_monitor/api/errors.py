"""What the API answers where it cannot do what it was asked."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from djtaskq_monitor.control.asking import ControlError


class ApiError(ControlError):
    """{message}"""

    def __init__(self, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message=message)
        self.status = status
        self.headers = headers or {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, str(self), self.headers)


def bad(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message)


def unknown(what: str, name: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, f"Unknown {what} {name!r}")


def forbidden(message: str) -> ApiError:
    return ApiError(HTTPStatus.FORBIDDEN, message)


def unavailable(message: str) -> ApiError:
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, message)
