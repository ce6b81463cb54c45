import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.servers.base import Server
from tools.needs import POSTGRESQL

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # nothing left in /dev/shm after a crash
    "shared_buffers": "64MB",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "10s",
    "log_min_messages": "warning",
}


class PostgreSQL(Server):
    name = "postgresql"
    need = POSTGRESQL
    accounts = ("postgres",)

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        # The two must be of one version, and PATH may hold more than one.
        initdb = self.program("postgres").resolve().with_name("initdb")
        password = self.write("password", self.password)
        # fmt: off
        self.run(initdb, "-D", self._data, "-U", self.user, "--pwfile", password, "--auth=password",
                 "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
        # fmt: on

    def launch(self) -> None:
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self.spawn("server", self.program("postgres"), "-D", self._data, "-p", str(self.port), *options)

    def answers(self) -> bool:
        # Its first line is whose file it is, its eighth how the server says what pg_ctl waits for.
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def ask_to_stop(self) -> None:
        self._daemons["server"].signal(signal.SIGINT)  # "fast": does not wait for clients to leave

    def crash(self) -> None:
        # Each backend has a session of its own, and a busy one would outlive the postmaster and keep
        # the next one from starting.
        backends = self._backends()
        super().crash()
        for pid in backends:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def discard(self) -> None:
        # "Immediate": the postmaster itself ends its backends, and leaves no zombie and no shared memory.
        if self.running:
            self._daemons["server"].signal(signal.SIGQUIT)
            self._daemons["server"].wait(5)
        super().discard()

    def _backends(self) -> list[int]:
        try:
            return [
                int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            ]
        except OSError:
            return []

    @property
    def _data(self) -> Path:
        return self.folder / "data"
