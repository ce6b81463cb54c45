"""The OpenAPI document, for those who may ask; there is no page that draws it."""

from typing import Any

from celery import current_app
from django.http import HttpRequest

from djtaskq_monitor.api.tasks import VIEW
from djtaskq_monitor.api.v1.control import command
from djtaskq_monitor.api.v1.described import api, operation
from djtaskq_monitor.control.commands import COMMANDS, customs

_NULL = {"type": "null"}


@operation("GET", "/openapi.json", VIEW, dict[str, Any])
def openapi(request: HttpRequest) -> dict[str, Any]:
    """This document."""
    document = api.get_openapi_schema(path_prefix=request.path.removesuffix("openapi.json"))
    for methods in document["paths"].values():
        for described in methods.values():
            for parameter in described["parameters"]:
                _left_out(parameter["schema"])
            if described["operationId"] == command.__name__:
                described["parameters"][0]["schema"]["enum"] = sorted({*COMMANDS, *customs(current_app)})
    return document


def _left_out(schema: dict[str, Any]) -> None:
    """A parameter that may be left out has no word for null."""
    options = schema.get("anyOf", [])
    if _NULL in options:
        del schema["anyOf"]
        schema |= next(option for option in options if option != _NULL)
