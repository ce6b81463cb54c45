"""Every command that people may give to workers: what it takes, who may give it, how it is said.

Two of Celery's own are never among them: `election` ends a single worker's consumer, and `hello` is what
workers say to one another. `objgraph` is not either: it writes a file on the worker's host, and keeps the
worker busy for as long as a minute.
"""

from collections.abc import Mapping

from celery import Celery
from celery.worker.control import Panel
from django.utils.translation import gettext_lazy as _

from djtaskq_monitor.control import custom
from djtaskq_monitor.control.asked_of_workers import ASKED
from djtaskq_monitor.control.command import CONTROL, REVOKE, TERMINATE, Command
from djtaskq_monitor.control.revoked_tasks import REVOKING
from djtaskq_monitor.control.told_to_workers import TOLD

__all__ = [
    "COMMANDS",
    "CONTROL",
    "NEVER",
    "REVOKE",
    "TERMINATE",
    "Command",
    "command_of",
    "customs",
]

NEVER = frozenset({"election", "hello", "objgraph"})

COMMANDS: Mapping[str, Command] = {command.name: command for command in (*ASKED, *TOLD, *REVOKING)}
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
