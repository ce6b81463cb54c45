"""Workers that say that they live, and nothing of their tasks."""

import time
from typing import Any

# A worker that was busy, or not yet listening, when it was told to send events has not heard it, and one
# without tasks cannot show that it did: it is told again, less and less often.
FIRST_TELLING_PAUSE = 1.0
LONGEST_TELLING_PAUSE = 60.0
_MOST_WORKERS = 10_000


class Silence:
    """Which workers are there and send no events about tasks, so far."""

    def __init__(self) -> None:
        self._silent: set[str] = set()
        self._talking: set[str] = set()
        self._tell_at = 0.0
        self._pause = FIRST_TELLING_PAUSE

    def notice(self, event: Any) -> None:
        if not isinstance(event, dict):
            return
        kind, hostname = event.get("type"), event.get("hostname")
        if not isinstance(kind, str) or not isinstance(hostname, str) or len(self._silent) > _MOST_WORKERS:
            return
        if kind == "worker-online":
            # It started anew, and has forgotten what it was told.
            self._talking.discard(hostname)
            self._silent.add(hostname)
            self._tell_at, self._pause = 0.0, FIRST_TELLING_PAUSE
        elif kind == "worker-offline":
            self._talking.discard(hostname)
            self._silent.discard(hostname)
        elif kind == "worker-heartbeat" and hostname not in self._talking:
            self._silent.add(hostname)
        elif hostname in self._silent and kind.startswith("task-"):
            self._silent.discard(hostname)
            self._talking.add(hostname)

    def to_be_told(self) -> list[str]:
        """The silent workers, if it is time to tell them."""
        now = time.monotonic()
        if not self._silent or now < self._tell_at:
            return []
        self._tell_at = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_TELLING_PAUSE)
        return sorted(self._silent)
