"""The servers of one test run: each started when it is first needed, all ended together."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.servers.base import Server, ServerError
from tests.servers.keeper import Keeper
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis
from tools.machine import ensure

SERVERS: dict[str, type[Server]] = {server.name: server for server in (PostgreSQL, MariaDB, Redis, RabbitMQ)}


def temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="djtaskq-"))
    # Servers that run as another user have their folders inside.
    folder.chmod(0o711)
    return folder


class Fleet:
    """Servers by name. With `file` they are those that `python -m tests.servers up FILE` started."""

    def __init__(self, file: Path | None = None) -> None:
        self.borrowed = file is not None
        self.folder = temporary_folder()
        self.keeper = Keeper()
        self.keeper.watch_folder(self.folder)
        self._servers = _attach(file) if file else {name: self.new(name) for name in SERVERS}
        self._pool = ThreadPoolExecutor(len(SERVERS), thread_name_prefix="servers")
        self._starts: dict[str, Future[None]] = {}
        self._own: dict[str, Server] = {}
        self._private = 0

    def new(self, name: str, folder: str = "") -> Server:
        """Return one more server, not started, that ends with this run."""
        return SERVERS[name](self.folder / (folder or name), self.keeper)

    def own(self, name: str) -> Server:
        """Return this run's own server, running or not: never one that is borrowed."""
        if not self.borrowed:
            return self.use(name)
        if name not in self._own:
            self._own[name] = self.private(name)
        return self._own[name]

    def private(self, name: str) -> Server:
        """Return a server that nobody else uses, not started."""
        self._private += 1
        return self.new(name, f"{name}-{self._private}")

    def begin(self, names: Iterable[str]) -> None:
        """Start servers without waiting for them; raises MissingProgramsError."""
        names = [name for name in names if name not in self._starts]
        if not self.borrowed:
            ensure(SERVERS[name].need for name in names)
        for name in names:
            self._starts[name] = self._pool.submit(self._start, self._servers[name])

    def use(self, name: str) -> Server:
        """Return the server, running."""
        self.begin([name])
        self._starts[name].result()
        return self._servers[name]

    def peek(self, name: str) -> Server:
        """Return the server as it is: its URL is known before it runs."""
        return self._servers[name]

    def share(self) -> Path:
        """Start all servers, and return the file by which other processes use them."""
        self.begin(SERVERS)
        for start in self._starts.values():
            start.result()
        file = self.folder / "servers.json"
        _write(file, self.folder, self._servers)
        return file

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        if not self.borrowed:
            for server in self._servers.values():
                server.discard()
        self.keeper.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, server: Server) -> None:
        if not self.borrowed:
            server.start()
        elif not server.answers():
            raise ServerError(f"{server.name} of the file in DJTASKQ_TEST_SERVERS does not answer any more.")


def up(file: Path) -> None:
    """Start all servers so that they outlive this process, and write to `file` how to reach them."""
    ensure(server.need for server in SERVERS.values())
    folder = temporary_folder()
    servers = {name: server(folder / name) for name, server in SERVERS.items()}
    try:
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(Server.start, servers.values()))
    except BaseException:
        _discard(servers, folder)
        raise
    _write(file, folder, servers)


def down(file: Path) -> None:
    _discard(_attach(file), Path(_read(file)["folder"]))
    file.unlink()


def status(file: Path) -> dict[str, str]:
    """Return for each server of `file` its URL, or that it does not answer."""
    return {
        name: server.url if server.answers() else "does not answer" for name, server in _attach(file).items()
    }


def _discard(servers: dict[str, Server], folder: Path) -> None:
    for server in servers.values():
        server.discard()
    shutil.rmtree(folder, ignore_errors=True)


def _write(file: Path, folder: Path, servers: dict[str, Server]) -> None:
    states = {name: server.state() for name, server in servers.items()}
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds passwords
    with os.fdopen(descriptor, "w") as stream:
        json.dump({"folder": str(folder), "servers": states}, stream, indent=2)


def _attach(file: Path) -> dict[str, Server]:
    return {name: SERVERS[name].attached(state) for name, state in _read(file)["servers"].items()}


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text()
    except OSError as error:
        command = f"python -m tests.servers up {file}"
        raise ServerError(
            f"No servers are described in {file} ({error.strerror}): `{command}` starts them."
        ) from None
    return dict(json.loads(text))
