import socket
from pathlib import Path

from tests.servers.base import Server
from tools.needs import MARIADB

OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--max-connections=200",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=64M",
    "--innodb-lock-wait-timeout=20",
    "--performance-schema=OFF",
    "--skip-log-bin",
)


class MariaDB(Server):
    name = "mariadb"
    need = MARIADB
    accounts = ("mysql",)

    @property
    def url(self) -> str:
        return f"mysql://{self.user}:{self.password}@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        # fmt: off
        self.run(self.program("mariadb-install-db"), "--no-defaults", f"--datadir={self._data}",
                 "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
                 "--innodb-log-file-size=64M", "--innodb-flush-method=nosync")
        # fmt: on
        self.write(
            "first.sql",
            f"CREATE USER IF NOT EXISTS '{self.user}'@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO '{self.user}'@'127.0.0.1' WITH GRANT OPTION;\n"
            "DROP USER IF EXISTS 'root'@'127.0.0.1';\n",
        )

    def launch(self) -> None:
        # fmt: off
        self.spawn("server", self.program("mariadbd"), "--no-defaults", f"--datadir={self._data}",
                   f"--port={self.port}", "--socket=m.sock", f"--pid-file={self.folder / 'pid'}",
                   f"--init-file={self.folder / 'first.sql'}", *OPTIONS)
        # fmt: on

    def answers(self) -> bool:
        # The server speaks first: a packet whose fifth byte is the protocol's version, 10.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(5)[4:] == b"\x0a"
        except OSError:
            return False

    @property
    def _data(self) -> Path:
        return self.folder / "data"
