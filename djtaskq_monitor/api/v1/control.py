"""Commands to workers, and the end of tasks: in the admin's log before and after, as everywhere."""

import json
from typing import Annotated, Any, Literal

from celery import current_app
from django.http import HttpRequest
from pydantic import BaseModel, ConfigDict, Field

from djtaskq.db.text import storable
from djtaskq.redactor import redactor
from djtaskq_monitor.api.control import logged, valid
from djtaskq_monitor.api.errors import bad, unknown
from djtaskq_monitor.api.v1.access import PermittedCommand
from djtaskq_monitor.api.v1.described import operation
from djtaskq_monitor.api.v1.given import Name
from djtaskq_monitor.control.commands import COMMANDS, REVOKE, TERMINATE, Command, command_of
from djtaskq_monitor.control.forms import MOST_IDS
from djtaskq_monitor.control.sending import Outcome, send
from djtaskq_monitor.fleet import fleet
from djtaskq_monitor.models import TaskState, WorkerState

MOST = 1_000
_Ids = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=255, pattern="^[!-+\\--~]+$")]],
    Field(min_length=1, max_length=MOST_IDS),
]
_Value = str | bool | int | float | list[str] | dict[str, Any] | None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToRevoke(_Body):
    ids: _Ids


class ToTerminate(_Body):
    ids: _Ids
    signal: Literal["SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT", "SIGUSR1"] = "SIGTERM"


class ToCommand(_Body):
    """`workers` are those that are told; commands about tasks go to all of them, whoever is named."""

    workers: list[Name] = Field(default=[], max_length=MOST)
    arguments: dict[str, _Value] = Field(default={}, description="As the command's form in the admin.")


class Answer(BaseModel):
    """What one worker said: `kind` is answered, refused (`value` says why), silent or unanswered.

    A silent one may still do it; unanswered is what no worker answers, a shutdown.
    """

    worker: str
    kind: str
    value: Any


class Answers(BaseModel):
    answers: list[Answer]


@operation("POST", "/revoke", REVOKE, Answers)
def revoke(request: HttpRequest, body: ToRevoke) -> dict[str, Any]:
    """No worker begins these tasks; those that run go on."""
    return _ended(request, COMMANDS["revoke"], {"ids": "\n".join(body.ids)}, body.ids)


@operation("POST", "/terminate", TERMINATE, Answers)
def terminate(request: HttpRequest, body: ToTerminate) -> dict[str, Any]:
    """The processes that run these tasks are sent a signal; those that wait are revoked."""
    data = {"ids": "\n".join(body.ids), "signal": body.signal}
    return _ended(request, COMMANDS["terminate"], data, body.ids)


@operation("POST", "/commands/{name}", PermittedCommand(""), Answers)
def command(request: HttpRequest, name: str, body: ToCommand) -> dict[str, Any]:
    """Give workers a command by the name that it has in the admin: ping, rate-limit, add-consumer, …"""
    found = command_of(current_app, name)
    if found is None:
        raise unknown("command", storable(name))
    form = valid(found, _typed(found, body.arguments))
    names = list(dict.fromkeys(body.workers))
    rows = [] if found.everybody else _known(names)

    def give() -> Outcome:
        to = fleet().online if found.everybody else [row.hostname for row in rows]
        return send(current_app, found, form.arguments(), to)

    return _told(logged(_call(request), rows, found.say(form.cleaned_data), give))


def _ended(request: HttpRequest, found: Command, data: dict[str, str], ids: list[str]) -> dict[str, Any]:
    form = valid(found, data)
    tasks = TaskState.objects.filter(task_id__in=list(map(storable, ids)))
    rows = list(tasks.order_by().only("pk", "task_id", "name", "state"))

    def give() -> Outcome:
        return send(current_app, found, form.arguments(), fleet().online)

    return _told(logged(_call(request), rows, found.say(form.cleaned_data), give))


def _call(request: HttpRequest) -> Any:
    return request.auth  # type: ignore[attr-defined]  # set by ninja


def _known(names: list[str]) -> list[WorkerState]:
    if not names:
        raise bad("Name the workers that are to be told.")
    rows = list(WorkerState.objects.filter(hostname__in=names).order_by("hostname"))
    if missing := sorted(set(names) - {row.hostname for row in rows}):
        raise unknown("worker", missing[0])
    return rows


def _typed(found: Command, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as people would type them: one in each line, objects as JSON."""
    if other := sorted(arguments.keys() - found.form.base_fields.keys()):
        raise bad(f"{found.name} takes no argument {storable(other[0])!r}")
    return {name: _text(value) for name, value in arguments.items()}


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return storable("\n".join(value))
    if isinstance(value, dict):
        return storable(json.dumps(value))
    return storable(value) if isinstance(value, str) else value


def _told(outcome: Outcome) -> dict[str, Any]:
    redact = redactor().value
    return {
        "answers": [
            {"worker": each.worker, "kind": str(each.kind), "value": redact(each.value)}
            for each in outcome.answers
        ]
    }
