"""What every benchmark needs: a database of its own, fair rounds, a table."""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.servers import Fleet

ALIASES = {"postgresql": "default", "mariadb": "mariadb", "sqlite": "sqlite"}


def arguments(description: str, size: int = 500, rounds: int = 7) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--database", choices=ALIASES, default="postgresql")
    parser.add_argument("--rounds", type=int, default=rounds, help="each contender runs this many times")
    parser.add_argument("--size", type=int, default=size, help="how much work one round is")
    return parser.parse_args()


@contextmanager
def database(name: str, broker: str = "") -> Iterator[tuple[str, str]]:
    """A migrated, empty database and a broker, on servers of this run.

    Gives the alias that all ORM traffic goes to, and the broker's URL.
    """
    fleet = Fleet()
    try:
        yield migrated(fleet, name, broker)
    finally:
        fleet.close()


def migrated(fleet: Fleet, name: str, broker: str = "") -> tuple[str, str]:
    """What `database` gives, on the servers of `fleet`."""
    url = fleet.use(broker).url if broker else "memory://"
    os.environ["DJTASKQ_TEST_BROKER_URL"] = url
    if name != "sqlite":
        os.environ[f"DJTASKQ_TEST_{name.upper()}"] = f"{fleet.use(name).url}/djtaskq_benchmark"
    else:
        os.environ["DJTASKQ_TEST_SQLITE"] = f"sqlite:///{fleet.folder / 'benchmark.sqlite3'}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DJTASKQ_TEST_DATABASE"] = ALIASES[name]
    _create(ALIASES[name])
    return ALIASES[name], url


def _create(alias: str) -> None:
    import django

    django.setup()
    from django.db import connections

    connections[alias].creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)


def compare(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    prepare: Mapping[str, Callable[[], object]] | None = None,
) -> dict[str, float]:
    """Median seconds of one round for each contender, without what `prepare` does before each.

    They take turns, so that what else the machine does meets all of them; the first round warms up.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, work in contenders.items():
            if prepare and name in prepare:
                prepare[name]()
            start = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(measured) for name, measured in times.items()}


def paired(
    first: Callable[[], object], second: Callable[[], object], pairs: int
) -> tuple[float, float, float]:
    """How many times as long `second` takes: the median of `pairs` of rounds, and its 95 % interval.

    The two change who goes first, so that a load that grows or wanes favours neither. The interval is that of
    the order of the ratios, which asks nothing of how they are distributed.
    """
    first()
    second()
    ratios = []
    for turn in range(pairs):
        times = {work: _seconds(work) for work in ((first, second), (second, first))[turn % 2]}
        ratios.append(times[second] / times[first])
    ratios.sort()
    off = math.ceil(0.98 * math.sqrt(pairs))
    low, high = max(0, pairs // 2 - off), min(pairs - 1, pairs // 2 + off)
    return statistics.median(ratios), ratios[low], ratios[high]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(title: str, medians: Mapping[str, float], size: int, unit: str) -> None:
    """Print a table: rates, and each one's ratio to the first contender."""
    first = next(iter(medians.values()))
    print(f"\n{title}\n")
    print(f"| contender | {unit}/s | ratio |")
    print("|---|---:|---:|")
    for name, seconds in medians.items():
        print(f"| {name} | {size / seconds:,.0f} | {first / seconds:.2f} |")
    sys.stdout.flush()
