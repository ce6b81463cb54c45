"""Who may ask: the same people and tokens, and the same bounds, as for Flower's paths."""

from typing import Any

from celery import current_app
from django.http import HttpRequest
from ninja.security.http import HttpAuthBase

from djtaskq_monitor.api.endpoints import Call, admitted
from djtaskq_monitor.control.commands import CONTROL, command_of


class Permitted(HttpAuthBase):
    """Lets in who has this permission; "" is for operations that ask for theirs themselves.

    It is asked for before parameters are read. What an operation gets as `request.auth` is the `Call`.
    """

    openapi_scheme = "bearer"
    openapi_description = "A token of the admin's “API tokens”; or a session of the admin."

    def __init__(self, permission: str) -> None:
        super().__init__()
        self.permission = permission

    def __call__(self, request: HttpRequest) -> Call:
        call = admitted(request)
        if permission := self.asked(request):
            call.demand(permission)
        return call

    def asked(self, request: HttpRequest) -> str:  # noqa: ARG002  for those that go by it
        return self.permission


class PermittedCommand(Permitted):
    """Lets in who may give the command that the path names."""

    def asked(self, request: HttpRequest) -> str:
        match: Any = request.resolver_match
        command = command_of(current_app, match.kwargs["name"])
        return CONTROL if command is None else command.permission
