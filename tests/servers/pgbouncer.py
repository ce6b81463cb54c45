import socket
from pathlib import Path

from tests.servers.base import Server
from tests.servers.keeper import Keeper
from tests.servers.postgresql import PostgreSQL
from tools.needs import PGBOUNCER


class PgBouncer(Server):
    """A pooler before a PostgreSQL, of the kind that breaks what relies on sessions.

    In transaction mode each transaction may get another connection, and the next one of this client may find
    what somebody else left there. Two connections are few enough for that to happen all the time.
    """

    name = "pgbouncer"
    need = PGBOUNCER
    accounts = ("postgres",)

    def __init__(self, folder: Path, behind: PostgreSQL, keeper: Keeper | None = None) -> None:
        super().__init__(folder, keeper)
        self._behind = behind

    @property
    def url(self) -> str:
        return f"postgresql://{self._behind.user}:{self._behind.password}@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        users = self.write("users.txt", f'"{self._behind.user}" "{self._behind.password}"\n')
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={self._behind.port}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = md5",
            f"auth_file = {users}",
            "pool_mode = transaction",
            "default_pool_size = 2",
        ]
        self.write("pgbouncer.ini", "\n".join(lines) + "\n")

    def launch(self) -> None:
        self.spawn("server", self.program("pgbouncer"), "--quiet", self.folder / "pgbouncer.ini")

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except OSError:
            return False
        return True
