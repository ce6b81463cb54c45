"""What every server has in common: a folder, ports, a password, a start, a stop and a crash."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.daemon import Daemon, as_user
from tests.servers.keeper import Keeper
from tests.servers.places import account, free_port
from tests.waiting import NotInTimeError, eventually
from tools.machine import Need, find, sentence


class ServerError(Exception):
    """A server did not start, or did not answer."""


class Server(ABC):
    """One server with its data in `folder`, listening on 127.0.0.1 alone.

    What a client was told is written survives `crash()`: each server hands its writes to the operating
    system before it answers, and skips only the wait for the disk.
    """

    name: ClassVar[str]
    need: ClassVar[Need]
    accounts: ClassVar[tuple[str, ...]] = ()
    port_names: ClassVar[tuple[str, ...]] = ("main",)
    user: ClassVar[str] = "djtaskq"

    def __init__(self, folder: Path, keeper: Keeper | None = None) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in self.port_names}
        self.password = secrets.token_hex(12)
        self._keeper = keeper
        self._daemons: dict[str, Daemon] = {}

    # What each server says of itself.

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder; called once, before the first start."""

    @abstractmethod
    def launch(self) -> None:
        """Start the server's processes with `self.spawn`, the one named "server" among them."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether a client would be served now."""

    def ask_to_stop(self) -> None:
        self._daemons["server"].signal(signal.SIGTERM)

    # What the tests do with it.

    @property
    def port(self) -> int:
        return next(iter(self.ports.values()))

    @property
    def pid(self) -> int | None:
        daemon = self._daemons.get("server")
        return daemon.pid if daemon else None

    @property
    def running(self) -> bool:
        return "server" in self._daemons and self._daemons["server"].alive

    def start(self, timeout: float = 60) -> None:
        """Start, on the same ports and with the same data as before, and wait until it answers."""
        if self.running:
            return
        if not self.folder.exists():
            self.folder.mkdir(parents=True, mode=0o700)
            if self.owner is not None:
                os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
            self.prepare()
        self.launch()
        try:
            eventually(lambda: self.answers() or not self.running, timeout=timeout)
        except NotInTimeError:
            self._reap()
            raise ServerError(
                f"{self.name} did not answer within {timeout:g} s:\n{self.log_tail()}"
            ) from None
        if not self.running:
            raise ServerError(f"{self.name} ended at its start:\n{self.log_tail()}")

    def stop(self, timeout: float = 60) -> None:
        """Stop in the orderly way: clients are told, data is written."""
        if self.running:
            self.ask_to_stop()
            self._daemons["server"].wait(timeout)
        self._reap()

    def crash(self) -> None:
        """End it as a power cut would: SIGKILL, nothing said to anybody."""
        self._reap()

    def discard(self) -> None:
        """End it at once, and its data with it."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError as error:
            return str(error)

    # A server that another process started: `state` is what it wrote, `attached` makes the object again.

    def state(self) -> dict[str, Any]:
        pids = {name: daemon.pid for name, daemon in self._daemons.items()}
        return {
            "folder": str(self.folder),
            "ports": self.ports,
            "password": self.password,
            "pids": pids,
            "url": self.url,
        }

    @classmethod
    def attached(cls, state: Mapping[str, Any]) -> "Server":
        server = cls(Path(state["folder"]))
        server.ports = dict(state["ports"])
        server.password = state["password"]
        server._daemons = {name: Daemon(pid) for name, pid in state["pids"].items()}
        return server

    # What the servers' own modules use.

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def owner(self) -> pwd.struct_passwd | None:
        """Whom it runs as: PostgreSQL and MariaDB refuse to be run by root."""
        return account(*self.accounts)

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}

    def program(self, name: str) -> Path:
        path = find(name)
        if path is None:
            raise ServerError(sentence([self.need]))
        return path

    def spawn(self, name: str, *command: str | Path) -> None:
        daemon = Daemon.spawn(
            command, log=self.log, folder=self.folder, environment=self.environment(), owner=self.owner
        )
        self._daemons[name] = daemon
        if self._keeper is not None:
            self._keeper.watch(daemon.pid)

    def run(self, *command: str | Path) -> None:
        """Run a command to its end as the server's user."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            check=False,
            **as_user(self.owner),
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise ServerError(f"{command[0]} ended with {done.returncode}:\n{said}")

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        if self.owner is not None:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        return path

    def _reap(self) -> None:
        for daemon in self._daemons.values():
            daemon.kill()
            if self._keeper is not None:
                self._keeper.forget(daemon.pid)
        self._daemons.clear()
