"""A host whose clock is wrong, for the processes that are started with its environment."""

import subprocess
from pathlib import Path

from tools.machine import ensure
from tools.needs import COMPILER

SOURCE = Path(__file__).with_name("clock.c")


class HostClock:
    """A wall clock that is `seconds` off; CLOCK_MONOTONIC goes on as ever."""

    def __init__(self, folder, seconds=0):
        self._file = Path(folder) / f"clock-{id(self)}"
        self._library = Path(folder) / "clock.so"
        if not self._library.exists():
            ensure([COMPILER])
            subprocess.run(["cc", "-shared", "-fPIC", "-o", self._library, SOURCE], check=True)
        self.set(seconds)

    def set(self, seconds):
        """Step to `seconds` off, for the processes that run already too."""
        self._file.touch()
        with self._file.open("r+b") as file:  # they have it mapped
            file.write(seconds.to_bytes(8, "little", signed=True))

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self._library), "HOST_CLOCK": str(self._file)}
