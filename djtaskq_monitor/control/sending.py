"""Commands on their way: to whom they go, in what portions, and what came back."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from celery import Celery

from djtaskq_monitor.control import limits
from djtaskq_monitor.control.asking import Answer, ControlError, Kind, Question, ask
from djtaskq_monitor.control.commands import Command

# Each worker looks every id up in its result backend: so many of them keep it for a moment.
IDS_AT_ONCE = 200
_WORST = (Kind.ANSWERED, Kind.UNANSWERED, Kind.REFUSED, Kind.SILENT)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a command.

    `problem` is why the rest was not sent, where the broker went away half-way: what `answers` tell was done.
    """

    answers: list[Answer]
    problem: str = ""

    def by(self, kind: Kind) -> list[Answer]:
        return [answer for answer in self.answers if answer.kind == kind]


def send(
    app: Celery,
    command: Command,
    values: Mapping[str, Any],
    workers: Sequence[str],
    *,
    seconds: float | None = None,
) -> Outcome:
    """Give the command to these workers, and collect what they answer.

    `values` are what the command's form made of its fields. A command for everybody goes to all workers, and
    `workers` are those that are waited for. Raises a `ControlError` where nothing was sent at all.
    """
    answers: list[Answer] = []
    portions = _portions(app, command, values, workers, seconds)
    sent = False
    try:
        for to, question in portions:
            found = ask(
                app, question, to, seconds=seconds, everybody=command.everybody, replies=command.replies
            )[0]
            sent = True
            answers = _together(answers, found)
        answers = _together(answers, portions.left_out)
    except ControlError as error:
        if not sent:
            raise
        return Outcome(answers=answers, problem=str(error))
    order = {name: place for place, name in enumerate(workers)}
    return Outcome(answers=sorted(answers, key=lambda answer: order.get(answer.worker, len(order))))


@dataclasses.dataclass(slots=True)
class _Portions:
    """Whom to send what; `left_out` answered before that already, or did not."""

    parts: Iterable[tuple[Sequence[str], Question]]
    left_out: list[Answer] = dataclasses.field(default_factory=list)

    def __iter__(self) -> Any:
        return iter(self.parts)


def _portions(
    app: Celery, command: Command, values: Mapping[str, Any], workers: Sequence[str], seconds: float | None
) -> _Portions:
    if command.limit:
        return _time_limits(app, command, values, workers, seconds)
    ids = values.get("task_id")
    if command.everybody and isinstance(ids, list):
        parts = [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]
        return _Portions([(workers, _question(command, {**values, "task_id": part})) for part in parts])
    return _Portions([(workers, _question(command, values))])


def _question(command: Command, arguments: Mapping[str, Any]) -> Question:
    return Question(method=command.method, arguments=arguments)


def _time_limits(
    app: Celery, command: Command, values: Mapping[str, Any], workers: Sequence[str], seconds: float | None
) -> _Portions:
    """Workers set both limits at once: each is told the other one as it stands there.

    Who does not say how it stands is told nothing, since a limit would be lost.
    """
    name = values["task_name"]
    groups: dict[tuple[float | None, float | None], list[str]] = {}
    left_out: list[Answer] = []
    for answer in ask(app, limits.QUESTION, workers, seconds=seconds)[0]:
        if answer.kind != Kind.ANSWERED:
            left_out.append(answer)
            continue
        known = limits.read(answer.value or ()).get(name)
        if known is None:
            left_out.append(
                Answer(worker=answer.worker, kind=Kind.REFUSED, value="unknown task", twins=answer.twins)
            )
            continue
        new = values.get("seconds")
        both = (new, known.hard) if command.limit == "soft" else (known.soft, new)
        groups.setdefault(both, []).append(answer.worker)
    return _Portions(
        [
            (to, _question(command, {"task_name": name, "soft": soft, "hard": hard}))
            for (soft, hard), to in groups.items()
        ],
        left_out,
    )


def _together(before: Sequence[Answer], after: Sequence[Answer]) -> list[Answer]:
    """One answer for each worker: of several the worst."""
    found = {answer.worker: answer for answer in before}
    for answer in after:
        known = found.get(answer.worker)
        if known is None or _WORST.index(answer.kind) > _WORST.index(known.kind):
            found[answer.worker] = answer
    return list(found.values())
