"""Every command that people may give to workers: what it takes, who may give it, how it is said.

Two of Celery's own are never among them: `election` ends a single worker's consumer, and `hello` is what
workers say to one another. `objgraph` is not either: it writes a file on the worker's host, and keeps the
worker busy for as long as a minute.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.worker.control import Panel
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from djtaskq_monitor.control import custom, forms

CONTROL = "djtaskq_monitor.control_worker"
REVOKE = "djtaskq_monitor.revoke_task"
TERMINATE = "djtaskq_monitor.terminate_task"

NEVER = frozenset({"election", "hello", "objgraph"})

Words = str | Promise


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One command. `name` is ours, for URLs; `method` is the worker's.

    `said` is filled with the arguments for the log and for messages. `destroys` asks back before; `reads`
    shows long answers; `everybody` is for what every worker has to know, whoever is named; `replies` is
    false for what no worker answers. `limit` is which of a task's two time limits it sets.
    """

    name: str
    method: str
    label: Words
    text: Words
    said: str
    form: type[forms.Arguments] = forms.NoArguments
    permission: str = CONTROL
    destroys: bool = False
    reads: bool = False
    everybody: bool = False
    replies: bool = True
    limit: str = ""

    def say(self, values: Mapping[str, Any]) -> str:
        """What is done, in a few words and with the form's values: for the log, in English."""
        shown = {name: _shown(value) for name, value in values.items()}
        return " ".join(self.said.format_map(_Lenient(shown)).split())


class _Lenient(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return "none"
    if isinstance(value, list):
        more = f" and {len(value) - _FEW} more" if len(value) > _FEW else ""
        return ", ".join(str(each) for each in value[:_FEW]) + more
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_shown(each)}" for name, each in value.items())
    return str(value)


_FEW = 5

_OURS = (
    Command(
        name="ping",
        method="ping",
        label=_("Ping"),
        text=_("The worker answers if its main process is not stuck."),
        said="Ping",
        reads=True,
    ),
    Command(
        name="report",
        method="report",
        label=_("Report"),
        text=_("The versions and settings that a bug report asks for."),
        said="Report",
        reads=True,
    ),
    Command(
        name="query-task",
        method="query_task",
        label=_("Find tasks"),
        text=_("Whether the worker holds these tasks, and in which state."),
        said="Find tasks {ids}",
        form=forms.IdsForm,
        reads=True,
    ),
    Command(
        name="clock",
        method="clock",
        label=_("Clock"),
        text=_("The worker's logical clock."),
        said="Clock",
        reads=True,
    ),
    Command(
        name="memory-sample",
        method="memsample",
        label=_("Memory sample"),
        text=_("The main process's memory at present; the worker needs psutil for it."),
        said="Memory sample",
        reads=True,
    ),
    Command(
        name="memory-dump",
        method="memdump",
        label=_("Memory samples so far"),
        text=_("The samples that were taken so far; the worker needs psutil for it."),
        said="Memory samples so far",
        form=forms.SamplesForm,
        reads=True,
    ),
    Command(
        name="heartbeat",
        method="heartbeat",
        label=_("Heartbeat"),
        text=_("The worker sends a heartbeat event at once."),
        said="Heartbeat",
    ),
    Command(
        name="enable-events",
        method="enable_events",
        label=_("Enable events"),
        text=_("The worker sends events about tasks from now on."),
        said="Enable events",
    ),
    Command(
        name="disable-events",
        method="disable_events",
        label=_("Disable events"),
        text=_(
            "The worker sends no events about tasks any more: its tasks are not seen here. One that was"
            " started with -E answers that it sends none already, and goes on."
        ),
        said="Disable events",
        destroys=True,
    ),
    Command(
        name="rate-limit",
        method="rate_limit",
        label=_("Rate limit"),
        text=_("How often the worker begins a task of this name, until it is started again."),
        said="Rate limit of {task_name}: {rate_limit}",
        form=forms.RateLimitForm,
    ),
    Command(
        name="soft-time-limit",
        method="time_limit",
        label=_("Soft time limit"),
        text=_("After it, the task is told so by an exception. Its hard limit stays as it is."),
        said="Soft time limit of {task_name}: {seconds}",
        form=forms.TimeLimitForm,
        limit="soft",
    ),
    Command(
        name="hard-time-limit",
        method="time_limit",
        label=_("Hard time limit"),
        text=_("After it, the process that runs the task is killed. Its soft limit stays as it is."),
        said="Hard time limit of {task_name}: {seconds}",
        form=forms.TimeLimitForm,
        limit="hard",
    ),
    Command(
        name="add-consumer",
        method="add_consumer",
        label=_("Consume from a queue"),
        text=_("The worker takes tasks from this queue too, until it is started again."),
        said="Consume from {queue} (exchange {exchange} {exchange_type}, key {routing_key}, {options})",
        form=forms.AddConsumerForm,
    ),
    Command(
        name="cancel-consumer",
        method="cancel_consumer",
        label=_("Stop consuming"),
        text=_("The worker takes no tasks from this queue any more, until it is started again."),
        said="Stop consuming from {queue}",
        form=forms.QueueForm,
    ),
    Command(
        name="pool-grow",
        method="pool_grow",
        label=_("Grow the pool"),
        text=_("So many processes more."),
        said="Grow the pool by {n}",
        form=forms.CountForm,
    ),
    Command(
        name="pool-shrink",
        method="pool_shrink",
        label=_("Shrink the pool"),
        text=_("So many processes fewer, of those that run no task."),
        said="Shrink the pool by {n}",
        form=forms.CountForm,
    ),
    Command(
        name="autoscale",
        method="autoscale",
        label=_("Autoscale"),
        text=_("How many processes the autoscaler keeps; for workers that were started with --autoscale."),
        said="Autoscale from {min} to {max}",
        form=forms.AutoscaleForm,
    ),
    Command(
        name="pool-restart",
        method="pool_restart",
        label=_("Restart the pool"),
        text=_(
            "All processes of the pool are started anew, and what they run is left half done. The worker"
            " refuses unless it has worker_pool_restarts."
        ),
        said="Restart the pool (modules {modules}, reload {reload})",
        form=forms.PoolRestartForm,
        destroys=True,
    ),
    Command(
        name="shutdown",
        method="shutdown",
        label=_("Shut down"),
        text=_(
            "The worker ends its running tasks, takes no others, and stops. Nothing here can start it again."
            " It does not answer: see here when it has gone offline."
        ),
        said="Shut down",
        destroys=True,
        replies=False,
    ),
    Command(
        name="revoke",
        method="revoke",
        label=_("Revoke tasks"),
        text=_("No worker begins these tasks. Those that run go on."),
        said="Revoke {ids}",
        form=forms.RevokeForm,
        permission=REVOKE,
        everybody=True,
    ),
    Command(
        name="terminate",
        method="revoke",
        label=_("Terminate tasks"),
        text=_(
            "The processes that run these tasks are sent a signal: what they were at is left half done."
            " Those that wait are revoked."
        ),
        said="Terminate {ids} with {signal}",
        form=forms.TerminateForm,
        permission=TERMINATE,
        destroys=True,
        everybody=True,
    ),
    Command(
        name="revoke-stamped",
        method="revoke_by_stamped_headers",
        label=_("Revoke by stamped headers"),
        text=_("No worker begins a task that carries one of these stamps."),
        said="Revoke what is stamped {headers}",
        form=forms.HeadersForm,
        permission=REVOKE,
        everybody=True,
    ),
    Command(
        name="terminate-stamped",
        method="revoke_by_stamped_headers",
        label=_("Terminate by stamped headers"),
        text=_("As above, and the processes that run such a task are sent a signal."),
        said="Terminate what is stamped {headers} with {signal}",
        form=forms.TerminateHeadersForm,
        permission=TERMINATE,
        destroys=True,
        everybody=True,
    ),
)
COMMANDS: Mapping[str, Command] = {command.name: command for command in _OURS}
_CUSTOM = "custom-"


def customs(app: Celery) -> dict[str, Command]:
    """The project's own commands by name; those that change something are confirmed."""
    return {
        f"{_CUSTOM}{method}": Command(
            name=f"{_CUSTOM}{method}",
            method=method,
            label=method,
            text=meta.help or _("A command of this project's own."),
            said=f"Custom command {method} ({custom.said(method, meta)})",
            form=custom.form_of(method, meta),
            destroys=meta.type != "inspect",
            reads=True,
        )
        for method, meta in custom.panel(app, Panel)
        if method not in NEVER
    }


def command_of(app: Celery, name: str) -> Command | None:
    """The command of that name, ours or the app's own."""
    if name.startswith(_CUSTOM):
        return customs(app).get(name)
    return COMMANDS.get(name)
