"""What tasks did, written by themselves to a file: it needs neither the database nor the broker."""

import os
from collections import Counter
from pathlib import Path


class Ledger:
    """One line for each thing that happened. Appended lines of this length are never torn."""

    def __init__(self, path):
        self.path = Path(path)
        self._messages = self.path.with_suffix(".messages")

    def note(self, what, task_id, attempt=0):
        """`what` is "began" or "ended"; `attempt` counts the retries."""
        self._append(self.path, f"{what} {task_id} {attempt}\n")

    def keep(self, task_id, message):
        """Keep a message that is about to be sent, a text without line breaks."""
        self._append(self._messages, f"{task_id} {message}\n")

    def messages(self):
        """The latest message of each task."""
        lines = self._messages.read_text().splitlines() if self._messages.exists() else []
        return dict(line.split(maxsplit=1) for line in lines)

    def entries(self):
        """How often each `(what, task id, attempt)` was noted."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return Counter(tuple(line.split()) for line in lines)

    @staticmethod
    def _append(path, line):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
