"""Waiting for results: `get()` on one that comes 30 ms later, a ready group, and what push costs writers.

With PostgreSQL, the other databases and Redis are measured beside it; with another database, that one alone.
"""

import dataclasses
import multiprocessing
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any, Self

from benchmarks import harness
from tests.servers import Fleet

OURS = "djtaskq_results.backends:DatabaseBackend"
PEERS = "django_celery_results.backends:DatabaseBackend"
COMES_AFTER = 0.03
WRITERS = 8
# What is a few hundredths takes many short rounds to tell from noise.
PAIRS = 100
SHORT = 25


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    alias: str
    backend: str
    push: bool = True

    def app(self) -> Any:
        """A Celery app with this backend; to be called in a process of its own, or for one at a time."""
        from celery import Celery
        from django.conf import settings

        from djtaskq import conf

        os.environ["DJTASKQ_TEST_DATABASE"] = self.alias
        settings.DJTASKQ = {"RESULTS_PUSH": self.push}
        conf.forget(setting="DJTASKQ")
        app = Celery("benchmark", broker="memory://", backend=self.backend, set_as_current=False)
        app.conf.result_extended = True
        return app


def main() -> None:
    options = harness.arguments(__doc__)
    with _servers(options.database) as redis:
        contenders = _contenders(options.database, redis)
        _report_latency(contenders, waits=max(5, options.size // 10))
        _report_group(contenders, size=2 * options.size, rounds=options.rounds)
        if options.database == "postgresql":
            _report_writers(contenders[0], options.size, options.rounds)


@contextmanager
def _servers(database: str) -> Iterator[str]:
    """Empty, migrated databases; gives Redis' URL where it is measured."""
    fleet = Fleet()
    try:
        names = list(harness.ALIASES) if database == "postgresql" else [database]
        for name in names:
            where = f"sqlite:///{fleet.folder / 'wait.sqlite3'}"
            if name != "sqlite":
                where = f"{fleet.use(name).url}/djtaskq_benchmark"
            os.environ[f"DJTASKQ_TEST_{name.upper()}"] = where
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        for name in names:
            os.environ["DJTASKQ_TEST_DATABASE"] = harness.ALIASES[name]
            _create(harness.ALIASES[name])
        yield fleet.use("redis").url if database == "postgresql" else ""
    finally:
        fleet.close()


def _create(alias: str) -> None:
    import django

    django.setup()
    from django.db import connections

    connections[alias].creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)


def _contenders(database: str, redis: str) -> list[Contender]:
    alias = harness.ALIASES[database]
    if database != "postgresql":
        return [
            Contender(f"djtaskq, {database}", alias, OURS),
            Contender(f"django-celery-results, {database}", alias, PEERS),
        ]
    return [
        Contender("djtaskq, PostgreSQL, push", alias, OURS),
        Contender("djtaskq, PostgreSQL, without", alias, OURS, push=False),
        Contender("djtaskq, MariaDB", harness.ALIASES["mariadb"], OURS),
        Contender("djtaskq, SQLite", harness.ALIASES["sqlite"], OURS),
        Contender("django-celery-results, PostgreSQL", alias, PEERS),
        Contender("Celery's Redis backend", alias, redis),
    ]


class Writer:
    """A process that stores results when told to."""

    def __init__(self, contender: Contender) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_write, args=(contender, theirs), daemon=True)
        self._process.start()

    def __enter__(self) -> Self:
        self.answer()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pipe.send(None)
        self._process.join()

    def store(self, task_ids: Sequence[str], pause: float = 0.0) -> None:
        """Begin to store these, after `pause` seconds."""
        self._pipe.send((task_ids, pause))

    def answer(self) -> float:
        """When it began to store, by the machine's monotonic clock; waits until it is done."""
        return float(self._pipe.recv())


def _write(contender: Contender, pipe: Connection) -> None:
    import django

    django.setup()
    backend = contender.app().backend
    backend.mark_as_done(str(uuid.uuid4()), 0)
    pipe.send(0.0)
    while (work := pipe.recv()) is not None:
        task_ids, pause = work
        time.sleep(pause)
        began = time.monotonic()
        for task_id in task_ids:
            backend.mark_as_done(task_id, 1)
        pipe.send(began)


def _report_latency(contenders: Sequence[Contender], waits: int) -> None:
    late: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    with ExitStack() as stack:
        writers = [stack.enter_context(Writer(contender)) for contender in contenders]
        for turn in range(waits + 1):
            for contender, writer in zip(contenders, writers, strict=True):
                task_id = str(uuid.uuid4())
                result = contender.app().AsyncResult(task_id)
                writer.store([task_id], COMES_AFTER)
                result.get(timeout=30)
                seen = time.monotonic()
                if turn:  # the first one opens connections
                    late[contender.name].append(1_000 * (seen - writer.answer()))
                else:
                    writer.answer()
    print(f"\n`get()` on a result that comes {1_000 * COMES_AFTER:.0f} ms later: how much later it returns\n")
    print("| contender | median, ms | p95, ms |")
    print("|---|---:|---:|")
    for name, times in late.items():
        times.sort()
        print(f"| {name} | {statistics.median(times):.1f} | {times[int(len(times) * 0.95)]:.1f} |")
    sys.stdout.flush()


def _report_group(contenders: Sequence[Contender], size: int, rounds: int) -> None:
    works, statements = {}, {}
    for contender in contenders:
        if not contender.push:
            continue
        ids = [str(uuid.uuid4()) for _ in range(size)]
        for task_id in ids:
            contender.app().backend.mark_as_done(task_id, 1)
        works[contender.name] = _getting(contender, ids)
        statements[contender.name] = _counted(contender, works[contender.name])
    medians = harness.compare(works, rounds)
    print(f"\n`get()` on a ready group of {size:,}\n")
    print("| contender | ms | statements |")
    print("|---|---:|---:|")
    for name, seconds in medians.items():
        print(f"| {name} | {1_000 * seconds:,.0f} | {statements[name]} |")
    sys.stdout.flush()


def _getting(contender: Contender, ids: Sequence[str]) -> Callable[[], object]:
    def get() -> None:
        app = contender.app()
        app.GroupResult("group", [app.AsyncResult(task_id) for task_id in ids]).get(timeout=60)

    return get


def _counted(contender: Contender, work: Callable[[], object]) -> str:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    if "redis" in contender.backend:
        work()
        return "–"
    with CaptureQueriesContext(connections[contender.alias]) as queries:
        work()
    return f"{len(queries):,}"


def _report_writers(contender: Contender, size: int, rounds: int) -> None:
    """Eight processes store SUCCESS at once; each case in turn."""
    without = dataclasses.replace(contender, push=False)
    with ExitStack() as stack:
        push, quiet = (
            [stack.enter_context(Writer(who)) for _ in range(WRITERS)] for who in (contender, without)
        )
        contender.app()
        medians = harness.compare(
            {
                "without push": lambda: _store(quiet, size),
                "push, nobody waits": lambda: _store(push, size),
                "push, somebody waits for one task": lambda: _store(push, size, awaited=1),
                "push, somebody waits for a thousand": lambda: _store(push, size, awaited=1_000),
            },
            rounds,
        )
        pairs = max(10, PAIRS * rounds // 7)
        ratio, low, high = harness.paired(lambda: _store(quiet, SHORT), lambda: _store(push, SHORT), pairs)
    harness.report(f"SUCCESS, {WRITERS} writers on PostgreSQL", medians, WRITERS * size, "results")
    print(f"\nTime with push while nobody waits, to that without, in {pairs} pairs of short rounds:")
    print(f"{ratio:.3f}, 95 % interval {low:.3f} to {high:.3f}")


def _store(writers: Sequence[Writer], size: int, awaited: int = 0) -> None:
    import threading

    from djtaskq_results import listening

    subscription = None
    if awaited:
        armed = threading.Event()
        ids = [str(uuid.uuid4()) for _ in range(awaited)]
        subscription = listening.subscribe(ids, armed.set, using="default")
        armed.wait(10)
    try:
        for writer in writers:
            writer.store([str(uuid.uuid4()) for _ in range(size)])
        for writer in writers:
            writer.answer()
    finally:
        if subscription is not None:
            subscription.close()


if __name__ == "__main__":
    main()
