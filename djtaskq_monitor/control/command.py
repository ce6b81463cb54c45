"""One command that people may give to workers: what it takes, who may give it, how it is said."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise

from djtaskq_monitor.control import forms

CONTROL = "djtaskq_monitor.control_worker"
REVOKE = "djtaskq_monitor.revoke_task"
TERMINATE = "djtaskq_monitor.terminate_task"

Words = str | Promise

_FEW = 5


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
