"""A small process that ends what a test run started, should the run itself be killed.

The run writes lines to the keeper's stdin: `+PID` and `-PID` for process groups, `folder PATH` for what is
to be removed. The end of stdin without `-PID` before it means that the run died.
Runs with the standard library alone and without site-packages, so that it starts within milliseconds.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


class Keeper:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        self._say(f"+{pid}")

    def forget(self, pid: int) -> None:
        self._say(f"-{pid}")

    def watch_folder(self, folder: Path) -> None:
        self._say(f"folder {folder}")

    def close(self) -> None:
        """End what is still there, and the keeper."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)

    def _say(self, line: str) -> None:
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            stdin.write(f"{line}\n".encode())
            stdin.flush()


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    folders: set[str] = set()
    for line in _lines():
        if line.startswith("+"):
            groups.add(int(line[1:]))
        elif line.startswith("-"):
            groups.discard(int(line[1:]))
        elif line.startswith("folder "):
            folders.add(line.removeprefix("folder "))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _lines() -> Iterator[str]:
    # A child that the run forked without exec holds the pipe's other end too: so the parent's own end
    # is watched as well.
    parent, buffer = os.getppid(), b""
    while os.getppid() == parent:
        if not select.select([0], [], [], 0.5)[0]:
            continue
        chunk = os.read(0, 4096)
        if not chunk:
            return
        *lines, buffer = (buffer + chunk).split(b"\n")
        yield from (line.decode() for line in lines)


if __name__ == "__main__":
    main()
