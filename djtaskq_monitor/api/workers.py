"""Workers, as they are and as they tell of themselves."""

from typing import Any

from celery import current_app
from django.utils import timezone

from djtaskq.redactor import redactor
from djtaskq_monitor.api.endpoints import Call, endpoint
from djtaskq_monitor.api.errors import unknown
from djtaskq_monitor.control.asking import Kind, Question, ask
from djtaskq_monitor.fleet import fleet
from djtaskq_monitor.models import WorkerState

VIEW = "djtaskq_monitor.view_workerstate"
_OF_ALL = ("stats", "active_queues", "registered", "conf")
_OF_ONE = ("active", "scheduled", "reserved", "revoked")


@endpoint("GET", VIEW)
def workers(call: Call) -> dict[str, Any]:
    """`{worker: what it tells}`; with `status` `{worker: whether it is online}`, without asking anybody."""
    name, online = call.given.text("workername"), fleet().online
    call.given.truth("refresh")  # they are asked in any case
    if call.given.truth("status"):
        known = WorkerState.objects.order_by("hostname").values_list("hostname", flat=True)
        return {each: each in online for each in known}
    if name is None:
        return _told(online, _OF_ALL)
    known_worker(name)
    return {name: {}, **_told([name], (*_OF_ALL, *_OF_ONE))}


def known_worker(name: str) -> WorkerState:
    """Raises an `ApiError` for a worker that no event told of."""
    row = WorkerState.objects.filter(hostname=name).first()
    if row is None:
        raise unknown("worker", name)
    return row


def _told(names: Any, methods: tuple[str, ...]) -> dict[str, Any]:
    """What those say who answer, one question for each method, all of them at once."""
    told: dict[str, dict[str, Any]] = {}
    redact, now = redactor().value, timezone.now().timestamp()
    questions = [Question(method=method) for method in methods]
    for method, answers in zip(methods, ask(current_app, questions, names), strict=True):
        for answer in answers:
            if answer.kind == Kind.ANSWERED:
                told.setdefault(answer.worker, {})[method] = redact(answer.value)
    return {name: {**found, "timestamp": now} for name, found in told.items()}
