"""What is asked of both: each endpoint as it is meant, and as it is not.

Words in braces are ids and names that the run fills in, of what is changed another one for each of the two.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

TASKS = "benchmarks.flower_api.tasks"
WORKER, SECOND = "one@compared", "{last}@compared"
MORE = "more keys, and none for what has no value: [api.md](api.md)"
AS_TOLD = "asked a moment later; passwords are marked in another way"
OWN_WORDS = "other words for the same"


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an endpoint; `why` is what the page says where the two answer differently."""

    number: str
    path: str
    form: Mapping[str, Any] | None = None
    body: Any = None
    why: str = ""

    @property
    def method(self) -> str:
        return "GET" if self.form is None and self.body is None else "POST"

    def words(self, fill: Mapping[str, str]) -> list[str]:
        """The options of curl and the path, filled in."""
        given = [
            word
            for name, value in (self.form or {}).items()
            for word in ("--data-urlencode", f"{name}={value}")
        ]
        if self.body is not None:
            given = ["--header", "Content-Type: application/json", "--data", json.dumps(self.body)]
        elif self.form == {}:
            given = ["--data", ""]
        words = [*given, f"api/{self.path}"]
        for name, value in fill.items():
            words = [word.replace(f"{{{name}}}", value) for word in words]
        return words

    def __str__(self) -> str:
        given = " ".join(f"{name}={value}" for name, value in (self.form or {}).items())
        return f"{self.path} {given or json.dumps(self.body) if self.body is not None else given}".strip()


CALLS = (
    Call("A1", f"workers?refresh=1&workername={WORKER}", why=AS_TOLD),
    Call("A1", "workers?status=1"),
    Call("A1", "workers?workername=nobody"),
    Call("A20", "queues/length", why=MORE),
    Call("A3", f"worker/pool/restart/{WORKER}", {}),
    Call("A3", "worker/pool/restart/nobody", {}),
    Call("A4", f"worker/pool/grow/{WORKER}", {"n": 1}),
    Call("A4", f"worker/pool/grow/{WORKER}", {"n": "x"}),
    Call("A5", f"worker/pool/shrink/{WORKER}", {"n": 1}),
    Call("A6", f"worker/pool/autoscale/{WORKER}", {"min": 1, "max": 2}, why=OWN_WORDS),
    Call("A6", f"worker/pool/autoscale/{WORKER}", {"min": 1}),
    Call("A7", f"worker/queue/add-consumer/{WORKER}", {"queue": "more"}),
    Call(
        "A7",
        f"worker/queue/add-consumer/{WORKER}",
        {"queue": "a&b"},
        why="Flower escapes the name, and the worker takes from that queue",
    ),
    Call("A7", f"worker/queue/add-consumer/{WORKER}", {}),
    Call("A8", f"worker/queue/cancel-consumer/{WORKER}", {"queue": "more"}),
    Call("A9", "tasks?limit=1&state=FAILURE", why=MORE),
    Call("A9", f"tasks?taskname={TASKS}.add&search=result:3&limit=1", why=OWN_WORDS),
    Call("A9", "tasks?search=tasks.fail&limit=1", why=MORE),
    Call("A9", "tasks?sort_by=colour"),
    Call("A9", "tasks?received_start=yesterday"),
    Call("A10", "task/types"),
    Call("A11", "task/info/{done}", why=MORE),
    Call("A11", "task/info/nothing"),
    Call("A12", f"task/apply/{TASKS}.add", body={"args": [1, 2]}),
    Call("A12", f"task/apply/{TASKS}.fail", body={"args": ["no"]}),
    Call("A12", "task/apply/no.such", body={}),
    Call("A12", f"task/apply/{TASKS}.add", body=[1, 2]),
    Call("A13", f"task/async-apply/{TASKS}.add", body={"args": [1, 2], "countdown": 0}),
    Call(
        "A13",
        f"task/async-apply/{TASKS}.add",
        body={"args": [1, 2], "eta": "tomorrow"},
        why="says which option it is, and what it expects",
    ),
    Call("A13", "task/async-apply/no.such", body={}),
    Call("A14", "task/send-task/of.another", body={"args": [1], "queue": "nobody-takes"}),
    Call("A14", "task/send-task/of.another", body={"args": 1}),
    Call("A15", "task/result/{done}"),
    Call("A15", "task/result/{failed}"),
    Call("A15", "task/result/nothing"),
    Call("A16", "task/abort/{abortable}", {}),
    Call("A17", f"task/timeout/{TASKS}.add", {"workername": WORKER, "soft": 30, "hard": 60}),
    Call("A17", "task/timeout/no.such", {"workername": WORKER, "soft": 30}),
    Call("A17", f"task/timeout/{TASKS}.add", {"workername": "nobody", "soft": 30}),
    Call("A18", f"task/rate-limit/{TASKS}.add", {"workername": WORKER, "ratelimit": "100/m"}),
    Call(
        "A18",
        f"task/rate-limit/{TASKS}.add",
        {"workername": WORKER, "ratelimit": "quick"},
        why="checked before the worker is told; Flower passes on its refusal",
    ),
    Call("A18", f"task/rate-limit/{TASKS}.add", {"workername": WORKER}),
    Call("A18", "task/rate-limit/no.such", {"workername": WORKER, "ratelimit": "1/s"}),
    Call("A19", "task/revoke/{waiting}", {}),
    Call("A19", "task/revoke/nothing", {"terminate": "true", "signal": "SIGTERM"}),
    Call("A19", "task/revoke/nothing", {"terminate": "maybe"}),
    Call("A2", "worker/shutdown/nobody", {}),
    Call("A2", f"worker/shutdown/{SECOND}", {}),
)
