"""Tasks that do nothing, run by a real worker of one process over Redis: what each backend gets through."""

import os
import tempfile
import time
from pathlib import Path

from benchmarks import harness
from tests.processes import Processes
from tests.servers.keeper import Keeper

_PATIENCE = 120
_LOOK = 0.01


def main() -> None:
    options = harness.arguments(__doc__, size=2_000, rounds=3)
    with (
        harness.database(options.database, broker="redis") as (_, redis),
        tempfile.TemporaryDirectory(prefix="djtaskq-benchmark-") as folder,
    ):
        keeper = Keeper()
        keeper.watch_folder(Path(folder))
        processes = Processes(Path(folder), keeper)
        backends = {
            "Celery's Redis backend": redis.replace("/0", "/1"),
            "djtaskq": "djtaskq",
            "django-celery-results": "django-db",
        }
        try:
            times = {name: [] for name in backends}
            for _ in range(options.rounds):
                for name, backend in backends.items():
                    times[name].append(_seconds(processes, backend, options.size))
        finally:
            processes.close()
            keeper.close()
    title = f"{options.size:,} tasks, one process, {options.database}"
    harness.report(title, {name: min(each) for name, each in times.items()}, options.size, "tasks")


def _seconds(processes: Processes, backend: str, count: int) -> float:
    """From the first result to the last: without the start of the worker."""
    os.environ["DJTASKQ_BENCHMARK_BACKEND"] = backend
    from benchmarks.workers.app import app, nothing

    app.conf.result_backend = backend
    sent = [nothing.delay().id for _ in range(count + 1)]
    reader = app._get_backend()  # noqa: SLF001  of the contender whose turn it is
    worker = processes.celery(
        "benchmarks.workers.app", "worker", "--concurrency=1", "--without-gossip", "--without-mingle"
    )
    began = _wait(reader, sent[0])
    ended = _wait(reader, sent[-1])
    worker.stop()
    return ended - began


def _wait(reader, task_id: str) -> float:
    limit = time.monotonic() + _PATIENCE
    while reader.get_state(task_id) != "SUCCESS":
        if time.monotonic() > limit:
            raise TimeoutError(f"no result within {_PATIENCE} s")
        time.sleep(_LOOK)
    return time.monotonic()


if __name__ == "__main__":
    main()
