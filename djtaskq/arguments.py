"""The real arguments of a task, asked without knowing who kept them.

What events and messages carry for people is text that may be cut, and that somebody else wrote: it is never
evaluated. An app that stores real arguments registers a reader in its `ready()`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from kombu.utils.json import loads


@dataclasses.dataclass(frozen=True, slots=True)
class Arguments:
    """The JSON of a task's real arguments: a list and an object."""

    args: str
    kwargs: str

    def loaded(self) -> tuple[list[Any], dict[str, Any]]:
        """The values, times and UUIDs among them as such; ValueError for what is no list and no object."""
        args, kwargs = loads(self.args), loads(self.kwargs)
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise ValueError("arguments are a list and an object")  # noqa: TRY004  as for text that is no JSON
        return args, kwargs


Reader = Callable[[str], Arguments | None]

_readers: dict[str, Reader] = {}


def register(name: str, reader: Reader) -> None:
    """Ask `reader` from now on, with a task id. Registering a name again replaces its reader."""
    _readers[name] = reader


def arguments_of(task_id: str) -> Arguments | None:
    """The real arguments, where anybody knows them."""
    for reader in _readers.values():
        found = reader(task_id)
        if found is not None:
            return found
    return None
