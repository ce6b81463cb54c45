"""Real processes for tests: workers, beats, cameras, web servers, with a bound on every wait."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.servers.keeper import Keeper
from tests.waiting import NotInTimeError, eventually

ROOT = Path(__file__).parent.parent


class ProcessEndedError(Exception):
    """A process ended before what a test waited for."""


class Process:
    """A command in a process group of its own, its output in a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
        keeper: Keeper | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._keeper = keeper
        # Unbuffered, or a wait for a line of output would wait for the buffer to fill.
        environment = os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {})
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                self.command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if keeper is not None:
            keeper.watch(self.popen.pid)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def wait_for(self, what: str | Callable[[], object], timeout: float = 30) -> object:
        """Wait until the output holds the text, or the condition is true; fail at once if it ends before."""
        __tracebackhide__ = True  # a failure shows the test's line
        condition = (lambda: what in self.output) if isinstance(what, str) else what

        def seen() -> object:
            # Asked in this order, since the last output may come with the end.
            running = self.running
            answer = condition()
            if not answer and not running:
                raise ProcessEndedError(
                    self._report(f"ended with {self.popen.returncode} before {what!r} was seen")
                )
            return answer

        try:
            return eventually(seen, timeout=timeout)
        except NotInTimeError as error:
            raise NotInTimeError(self._report(f"{what!r} was not seen: {error}")) from None

    def wait(self, timeout: float = 30) -> int:
        """Wait until it has ended by itself; return its exit code."""
        eventually(lambda: not self.running, timeout=timeout, message=lambda: self._report("it still runs"))
        return self.popen.returncode

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 60) -> int:
        """Ask it to stop, and return its exit code; fail when it does not stop within `timeout`.

        A worker whose pool waits for its parent to read the last results gives up after 30 seconds.
        """
        self.signal(number)
        code = self.wait(timeout)
        self.kill()  # whoever of its group stayed behind
        return code

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            self.popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to it and to its whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(10)
        if self._keeper is not None:
            self._keeper.forget(self.pid)

    def _report(self, what: str) -> str:
        tail = "\n".join(self.output.splitlines()[-80:])
        return f"{' '.join(self.command)}: {what}; its output:\n{tail}"


class Processes:
    """The processes of one test."""

    def __init__(self, folder: Path, keeper: Keeper | None = None) -> None:
        self.started: list[Process] = []
        self._folder = folder
        self._keeper = keeper

    def start(
        self,
        *command: str | Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Process:
        """Start a command, in a folder of the test so that what it writes stays out of the source tree."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        process = Process(
            command,
            log=self._folder / f"process-{len(self.started)}.log",
            environment={"PYTHONPATH": path, **(environment or {})},
            folder=folder or self._folder,
            keeper=self._keeper,
        )
        self.started.append(process)
        return process

    def python(self, *arguments: str | Path, **options) -> Process:
        return self.start(sys.executable, *arguments, **options)

    def celery(self, app: str, *arguments: str, **options) -> Process:
        return self.python("-m", "celery", "-A", app, *arguments, **options)

    def worker(self, app: str, *arguments: str, **options) -> Process:
        """Start a worker, and wait until it takes tasks."""
        worker = self.celery(app, "worker", "--loglevel=INFO", "--concurrency=2", *arguments, **options)
        worker.wait_for(" ready.")
        return worker

    def beat(self, app: str, *arguments: str, **options) -> Process:
        pid = self._folder / f"beat-{len(self.started)}.pid"
        beat = self.celery(app, "beat", "--loglevel=INFO", f"--pidfile={pid}", *arguments, **options)
        beat.wait_for("beat: Starting...")
        return beat

    def camera(self, app: str, *arguments: str, **options) -> Process:
        """Start `celery events` with djtaskq's camera; it says nothing by which to wait for it."""
        camera = "--camera=djtaskq_monitor.camera.Camera"
        return self.celery(app, "events", "--loglevel=INFO", camera, *arguments, **options)

    def manage(self, *arguments: str, **options) -> Process:
        return self.python(ROOT / "manage.py", *arguments, **options)

    def close(self) -> None:
        for process in reversed(self.started):
            process.kill()
