"""A Prometheus of a test: it scrapes a server twice a second and answers expressions."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.processes import Process, Processes
from tests.servers.places import free_port
from tools.machine import ensure, find
from tools.needs import PROMETHEUS

LABELS = {"cluster": "main", "namespace": "shop"}
VARIABLES = {
    **LABELS,
    "job": ".*",
    "queue_name": ".*",
    "queue": ".*",
    "name": ".*",
    "task": ".*",
    "worker": ".*",
    "__rate_interval": "1m",
    "__range": "1h",
}
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_LABEL_VALUES = re.compile(r"label_values\((.*), ?(\w+)\)", re.DOTALL)


class Prometheus:
    def __init__(self, processes: Processes, folder: Path, target: str, token: str) -> None:
        ensure([PROMETHEUS])
        self._url = f"http://127.0.0.1:{free_port()}"
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "scrape_configs": [
                {
                    "job_name": "celery",
                    "metrics_path": "/celery/metrics",
                    "authorization": {"credentials": token},
                    "static_configs": [{"targets": [target.removeprefix("http://")], "labels": LABELS}],
                },
                # Nobody is there: what rules say of a site that is down.
                {"job_name": "celery-away", "static_configs": [{"targets": [f"127.0.0.1:{free_port()}"]}]},
            ],
        }
        (folder / "prometheus.json").write_text(json.dumps(config))
        self.process: Process = processes.start(
            find("prometheus"),
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
        )
        self.process.wait_for("Server is ready to receive web requests")

    def ask(self, expression: str) -> list[dict[str, object]]:
        """The series that an expression of a board gives, its variables filled in; raises for a wrong one."""
        filled = _VARIABLE.sub(lambda found: VARIABLES[found[1]], expression).strip()
        if wanted := _LABEL_VALUES.fullmatch(filled):
            query = urlencode({"match[]": re.sub(r"\{\}$", "", wanted[1])})
            return self._get(f"label/{wanted[2]}/values?{query}")
        return self._get("query?" + urlencode({"query": filled}))["result"]

    def _get(self, path):
        with urlopen(f"{self._url}/api/v1/{path}", timeout=20) as response:
            return json.load(response)["data"]
