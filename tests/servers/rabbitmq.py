import base64
import json
import secrets
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from tests.servers.base import Server
from tools.needs import RABBITMQ


class RabbitMQ(Server):
    """A node of its own, with an epmd of its own: it neither sees nor disturbs another RabbitMQ."""

    name = "rabbitmq"
    need = RABBITMQ
    accounts = ("rabbitmq",)
    port_names = ("amqp", "management", "distribution", "epmd")

    @property
    def url(self) -> str:
        return self.at("/")

    def at(self, vhost: str) -> str:
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    @property
    def management_url(self) -> str:
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.ports['management']}/api/"

    def prepare(self) -> None:
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {self.ports['management']}",
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
            "log.console = true",
            "log.console.level = warning",
            "log.file = false",
            "management_agent.disable_metrics_collector = false",
            "collect_statistics_interval = 1000",
        ]
        self.write("rabbitmq.conf", "\n".join(lines) + "\n")
        self.write("enabled_plugins", "[rabbitmq_management].\n")
        self.write("rabbitmq-env.conf", "")
        self.write(".erlang.cookie", secrets.token_hex(16), mode=0o400)

    def environment(self) -> dict[str, str]:
        folder = self.folder
        return super().environment() | {
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"djtaskq-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.ports["distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }

    def launch(self) -> None:
        # In the foreground and as our child: RabbitMQ would start one in the background, which stays.
        self.spawn("epmd", self.program("epmd"), "-port", str(self.ports["epmd"]))
        self.spawn("server", self.program("rabbitmq-server"))

    def answers(self) -> bool:
        try:
            self.manage("GET", "health/checks/port-listener/" + str(self.port))
        except OSError:
            return False
        return True

    def manage(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the management API; raises OSError (urllib's own) when it refuses or is not there."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['management']}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": self._credentials()},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            text = response.read()
        return json.loads(text) if text else None

    def add_vhost(self, name: str) -> str:
        """Make a virtual host and return its URL."""
        self.manage("PUT", f"vhosts/{quote(name, safe='')}", {})
        every = {"configure": ".*", "write": ".*", "read": ".*"}
        self.manage("PUT", f"permissions/{quote(name, safe='')}/{self.user}", every)
        return self.at(name)

    def remove_vhost(self, name: str) -> None:
        self.manage("DELETE", f"vhosts/{quote(name, safe='')}")

    def _credentials(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
