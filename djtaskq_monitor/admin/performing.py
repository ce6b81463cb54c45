"""Doing a command for somebody: it stands in the log before, and what came of it there and on the page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import current_app
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _

from djtaskq.admin import audit
from djtaskq.conf import conf
from djtaskq.redactor import redactor
from djtaskq_monitor.control.asking import Answer, BrokerAway, ControlError, Kind
from djtaskq_monitor.control.commands import Command
from djtaskq_monitor.control.sending import Outcome, send
from djtaskq_monitor.models import WorkerState

# Messages name as many workers; more are counted.
NAMED = 5
_LONGEST = 500


def may(request: HttpRequest, command: Command) -> bool:
    user: Any = request.user
    return bool(user.is_active and user.is_staff and user.has_perm(command.permission))


def perform(
    request: HttpRequest,
    command: Command,
    values: Mapping[str, Any],
    workers: Sequence[WorkerState],
    *,
    said: str,
) -> Outcome | None:
    """Give the command to these workers; None where the broker is away, which the user is told.

    The log gets an entry for each of them, or where a command is for everybody, one for all.
    """
    rows = [] if command.everybody else workers
    by_name = {worker.hostname: worker.pk for worker in workers}

    def complete(written: audit.Written, answers: Sequence[Answer]) -> None:
        if rows:
            told = {by_name[each.worker]: answer_text(each) for each in answers if each.worker in by_name}
            written.complete_each(told)
        else:
            written.complete(summary(answers))

    return _logged(request, command, values, list(by_name), rows, said=said, complete=complete)


def perform_on_tasks(
    request: HttpRequest,
    command: Command,
    values: Mapping[str, Any],
    workers: Sequence[str],
    tasks: Sequence[Model],
    *,
    said: str,
) -> Outcome | None:
    """Give a command about these tasks to all workers; the log gets an entry for each of the tasks."""

    def complete(written: audit.Written, answers: Sequence[Answer]) -> None:
        written.complete(summary(answers))

    return _logged(request, command, values, workers, tasks, said=said, complete=complete)


def _logged(
    request: HttpRequest,
    command: Command,
    values: Mapping[str, Any],
    workers: Sequence[str],
    rows: Sequence[Model],
    *,
    said: str,
    complete: Callable[[audit.Written, Sequence[Answer]], None],
) -> Outcome | None:
    written = audit.write(request, rows, redactor().text(said), model=WorkerState)
    try:
        outcome = send(current_app, command, values, workers)
    except ControlError as error:
        written.complete(f"not done. {error}")
        messages.error(request, _("Nothing was done. %s") % error)
        return None
    complete(written, outcome.answers)
    if outcome.problem:
        messages.error(request, _("Not all of it was sent. %s") % outcome.problem)
    return outcome


def answer_text(answer: Answer) -> str:
    """One answer in words; in English, as the log is."""
    text = redactor().text(answer.text)[:_LONGEST]
    words = {
        Kind.ANSWERED: text or "done",
        Kind.REFUSED: f"refused: {text}",
        Kind.SILENT: f"no answer within {conf().MONITOR_CONTROL_SECONDS:g} s; it may still do it",
        Kind.UNANSWERED: "sent; workers do not answer it",
    }[answer.kind]
    return f"{words} (and {answer.twins} more of this name answered)" if answer.twins else words


def summary(answers: Sequence[Answer]) -> str:
    """Who answered what, those with the same answer together."""
    groups: dict[str, list[str]] = {}
    for answer in answers:
        groups.setdefault(answer_text(answer), []).append(answer.worker)
    told = [f"{_names(names)}: {text}" for text, names in groups.items()]
    return "; ".join(told) or "sent; no worker is known to be online"


def tell(request: HttpRequest, said: str, outcome: Outcome) -> None:
    """Messages for the user: a line for each kind of answer."""
    levels = {Kind.ANSWERED: messages.SUCCESS, Kind.UNANSWERED: messages.INFO}
    for kind in Kind:
        answers = outcome.by(kind)
        if answers:
            text = f"{said} – {summary(answers)}"
            messages.add_message(request, levels.get(kind, messages.WARNING), redactor().text(text))
    if not outcome.answers:
        messages.warning(request, f"{said} – {summary([])}")


def problem_of(error: ControlError) -> str:
    """Why nobody can be asked, and what to do."""
    if isinstance(error, BrokerAway):
        return _("%s. Is it running, and is CELERY_BROKER_URL of this process the workers' own?") % error
    return str(error)


def _names(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
