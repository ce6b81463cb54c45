import socket

from tests.servers.base import Server
from tools.needs import REDIS

DATABASES = 512


class Redis(Server):
    name = "redis"
    need = REDIS
    accounts = ("redis",)

    @property
    def url(self) -> str:
        """Database 0; the others, up to DATABASES - 1, are `redis.at(number)`."""
        return self.at(0)

    def at(self, database: int) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"databases {DATABASES}",
            f"dir {self.folder}",
            'save ""',
            "appendonly yes",
            "appendfsync no",
        ]
        self.write("redis.conf", "\n".join(lines) + "\n")

    def launch(self) -> None:
        self.spawn("server", self.program("redis-server"), self.folder / "redis.conf")

    def answers(self) -> bool:
        try:
            return self.command("PING") == b"+PONG"
        except OSError:
            return False

    def command(self, *words: str, database: int = 0) -> bytes:
        """Return the first line of the server's answer: enough for PING, INCR and FLUSHDB."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            stream = connection.makefile("rwb")
            for line in (("AUTH", self.password), ("SELECT", str(database)), words):
                stream.write(_encoded(line))
                stream.flush()
                answer = stream.readline().rstrip()
        return answer


def _encoded(words: tuple[str, ...]) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
