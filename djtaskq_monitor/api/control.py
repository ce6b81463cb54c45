"""Commands to workers: each stands in the admin's log before it is given, and what came of it there after."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from celery import current_app
from django.db.models import Model

from djtaskq.admin import audit
from djtaskq.redactor import redactor
from djtaskq_monitor.api.endpoints import AWAY, Call, endpoint
from djtaskq_monitor.api.errors import ApiError, bad, forbidden, unavailable, unknown
from djtaskq_monitor.api.workers import known_worker
from djtaskq_monitor.control.asking import Answer, ControlError, Kind, Question, ask
from djtaskq_monitor.control.commands import COMMANDS, CONTROL, REVOKE, TERMINATE, Command
from djtaskq_monitor.control.sending import Outcome, send
from djtaskq_monitor.fleet import fleet
from djtaskq_monitor.models import TaskState

Message = dict[str, str]
_UNKNOWN_TASK = "unknown task"


@endpoint("POST", CONTROL)
def shutdown(call: Call, worker: str) -> Message:
    _told(call, "shutdown", worker, {}, "shut down")
    return {"message": "Shutting down!"}


@endpoint("POST", CONTROL)
def pool_restart(call: Call, worker: str) -> Message:
    _told(call, "pool-restart", worker, {}, "restart the pool of")
    return {"message": f"Restarting '{worker}' worker's pool"}


@endpoint("POST", CONTROL)
def pool_grow(call: Call, worker: str) -> Message:
    n = _count(call)
    _told(call, "pool-grow", worker, {"n": n}, "grow the pool of")
    return {"message": f"Growing '{worker}' worker's pool by {n}"}


@endpoint("POST", CONTROL)
def pool_shrink(call: Call, worker: str) -> Message:
    n = _count(call)
    _told(call, "pool-shrink", worker, {"n": n}, "shrink the pool of")
    return {"message": f"Shrinking '{worker}' worker's pool by {n}"}


@endpoint("POST", CONTROL)
def autoscale(call: Call, worker: str) -> Message:
    least, most = call.given.named("min"), call.given.named("max")
    _told(call, "autoscale", worker, {"min": least, "max": most}, "autoscale")
    return {"message": f"Autoscaling '{worker}' worker (min={least}, max={most})"}


@endpoint("POST", CONTROL)
def add_consumer(call: Call, worker: str) -> Message:
    answer = _told(call, "add-consumer", worker, {"queue": call.given.named("queue")}, "add a consumer to")
    return {"message": answer.text}


@endpoint("POST", CONTROL)
def cancel_consumer(call: Call, worker: str) -> Message:
    queue = call.given.named("queue")
    answer = _told(call, "cancel-consumer", worker, {"queue": queue}, "cancel a consumer of")
    return {"message": answer.text}


@endpoint("POST", CONTROL)
def rate_limit(call: Call, task: str) -> Message:
    worker, rate = call.given.named("workername"), call.given.named("ratelimit")
    data = {"task_name": task, "rate_limit": rate}
    return {"message": _told(call, "rate-limit", worker, data, "set the rate limit on").text}


@endpoint("POST", CONTROL)
def time_limits(call: Call, task: str) -> Message:
    """Both limits, or one of them: the other one then stays as it is."""
    worker = call.given.named("workername")
    limits = {name: call.given.number(name) for name in ("soft", "hard")}
    given = {name: seconds for name, seconds in limits.items() if seconds is not None}
    if not given:
        raise bad("Missing argument soft or hard")
    if len(given) == 1:
        ((name, seconds),) = given.items()
        data = {"task_name": task, "seconds": seconds}
        return {"message": _told(call, f"{name}-time-limit", worker, data, "set the time limit on").text}
    for name, seconds in given.items():
        valid(COMMANDS[f"{name}-time-limit"], {"task_name": task, "seconds": seconds})
    row = known_worker(worker)
    question = Question(method="time_limit", arguments={"task_name": task, **given})
    said = f"Time limits of {task}: soft {given['soft']:g} s, hard {given['hard']:g} s"

    def give() -> Outcome:
        return Outcome(answers=ask(current_app, question, [worker])[0])

    return {"message": _checked(logged(call, [row], said, give), worker, task, "set the time limits on").text}


@endpoint("POST", REVOKE)
def revoke(call: Call, task_id: str) -> Message:
    """Revoke a task, known or not; with `terminate` send its process a signal."""
    terminate = call.given.truth("terminate")
    command = COMMANDS["terminate" if terminate else "revoke"]
    data: dict[str, Any] = {"ids": task_id}
    if terminate:
        call.demand(TERMINATE)
        data["signal"] = call.given.text("signal") or "SIGTERM"
    form = valid(command, data)
    row = TaskState.objects.filter(task_id=task_id).only("pk", "task_id", "name", "state").first()
    said = command.say(form.cleaned_data)

    def give() -> Outcome:
        return send(current_app, command, form.arguments(), fleet().online)

    logged(call, [row] if row else [], said, give)
    return {"message": f"Revoked '{task_id}'"}


def _count(call: Call) -> int:
    n = call.given.whole("n")
    return 1 if n is None else n


def _told(call: Call, name: str, worker: str, data: Mapping[str, Any], doing: str) -> Answer:
    """Give a worker a command; what it answered, unless that is a refusal: then raises an `ApiError`."""
    command, row = COMMANDS[name], known_worker(worker)
    form = valid(command, data)

    def give() -> Outcome:
        return send(current_app, command, form.arguments(), [worker])

    outcome = logged(call, [row], command.say(form.cleaned_data), give)
    return _checked(outcome, worker, str(data.get("task_name", "")), doing)


def valid(command: Command, data: Mapping[str, Any]) -> Any:
    """The command's form, as its page has it; raises an `ApiError` for what it does not take."""
    form = command.form(data=dict(data))
    if not form.is_valid():
        problems = [f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()]
        raise bad(f"Invalid argument {'; '.join(problems)}")
    return form


def logged(call: Call, rows: list[Any], said: str, give: Callable[[], Outcome]) -> Outcome:
    text = redactor().text(f"{said} ({call.caller.signature})")
    written = audit.write(call.request, rows, text, model=_model(rows))
    try:
        outcome = give()
    except ControlError as error:
        written.complete(f"not done. {error}")
        raise unavailable(f"{AWAY}: {error}") from error
    told = "; ".join(f"{each.worker}: {each.kind} {each.text}".strip() for each in outcome.answers)
    written.complete(redactor().text(told) or "sent")
    if outcome.problem:
        raise unavailable(f"{AWAY}: {outcome.problem}")
    return outcome


def _model(rows: list[Any]) -> type[Model]:
    return type(rows[0]) if rows else TaskState


def _checked(outcome: Outcome, worker: str, task: str, doing: str) -> Answer:
    answer = next(each for each in outcome.answers if each.worker == worker)
    if answer.kind == Kind.SILENT:
        raise ApiError(HTTPStatus.GATEWAY_TIMEOUT, f"'{worker}' did not answer in time; it may still do it.")
    if answer.kind == Kind.REFUSED:
        if task and _UNKNOWN_TASK in answer.text:
            raise unknown("task", task)
        raise forbidden(f"Failed to {doing} '{worker}': {answer.text}")
    return answer
