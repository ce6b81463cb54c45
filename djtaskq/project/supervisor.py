"""The demo's processes under honcho: all start together, and Ctrl-C stops them all."""

import os
import signal
import sys
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path

from honcho import manager as honcho
from honcho.compat import ProcessManager
from honcho.environ import parse_procfile
from honcho.printer import Printer

PROCFILE = Path(__file__).with_name("Procfile")

# A worker finishes its tasks before it stops, and takes some seconds for it even if it has none.
honcho.KILL_WAIT = 20


class _Leaders(ProcessManager):  # type: ignore[misc]  # honcho has no types
    """Asks each process itself to stop, not its whole group.

    A worker stops its children when they have finished their tasks; if these are told to stop as well, they
    lose them, and the worker waits for children that are gone. To be killed stays a matter of the group.
    """

    def terminate(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def supervise(environment: Mapping[str, str], only: Container[str] | None = None) -> int:
    """Run what the Procfile names, or some of it, until one of them ends or Ctrl-C; the exit code."""
    manager = honcho.Manager(Printer(sys.stdout, colour=sys.stdout.isatty()))
    manager._procmgr = _Leaders()  # noqa: SLF001  honcho has no argument for it
    for name, command in parse_procfile(PROCFILE.read_text()).processes.items():
        if only is None or name in only:
            manager.add_process(name, command, env=dict(environment))
    manager.loop()
    return int(manager.returncode or 0)
