"""Beats over many schedules of which some fall due in the same second: real processes, beside their peers.

Each size: in turn a bare `send_task` loop on one producer and djtaskq's beats, from the start of their
processes to the first message, over the burst, and after edits; and with `--peers` django-celery-beat and, on
Redis, RedBeat, each within a bound of time. Prints Markdown, and says on stderr what it is at.
"""

import argparse
import contextlib
import os
import tempfile
from pathlib import Path

from benchmarks import harness
from tests.processes import Processes
from tests.servers.keeper import Keeper


def main() -> None:
    options = _arguments()
    with (
        _processes() as processes,
        harness.database(options.database, broker=options.broker) as (alias, url),
    ):
        if options.broker == "redis":
            os.environ["DJTASKQ_BENCHMARK_REDBEAT"] = f"{url.rpartition('/')[0]}/1"
        # These need Django and its settings, which need the servers.
        from benchmarks.scale.place import Place
        from benchmarks.scale.run import run

        print(f"{options.due:,} due in one second, {options.database} and {options.broker}:\n")
        run(Place(alias, options.broker, url, processes), options)


@contextlib.contextmanager
def _processes():
    """Processes that end with this one, however it ends."""
    with tempfile.TemporaryDirectory(prefix="djtaskq-benchmark-") as folder:
        keeper = Keeper()
        keeper.watch_folder(Path(folder))
        processes = Processes(Path(folder), keeper)
        try:
            yield processes
        finally:
            processes.close()
            keeper.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=_numbers, default=[1_000, 100_000, 1_000_000], metavar="N,N,…")
    parser.add_argument("--due", type=int, default=10_000, help="how many fall due, at most all of them")
    parser.add_argument("--beats", type=_numbers, default=[1, 2], metavar="N,N,…", help="this many at once")
    parser.add_argument("--broker", choices=("redis", "rabbitmq"), default="redis")
    parser.add_argument("--database", choices=harness.ALIASES, default="postgresql")
    parser.add_argument("--peers", action="store_true", help="measure django-celery-beat and RedBeat, too")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
