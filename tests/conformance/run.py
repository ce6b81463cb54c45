"""`make conformance`: Celery's own integration suite on djtaskq's result backend and on the Redis backend.

Ends with 1 if a test passes on Redis and not on ours, not even when it is run again by itself.
"""

import argparse
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.conformance import outcomes, suite
from tests.servers import Fleet
from tests.servers.databases import create_database

OURS, THEIRS, PEER = "redis-djtaskq", "redis", "redis-dcr"
Columns = dict[str, tuple[outcomes.Outcomes, float]]
BROKER, RESULTS = 1, 2


def main() -> int:
    options = arguments().parse_args()
    suite.prepare()
    fleet = Fleet()
    try:
        run = Run(fleet, options)
        columns = {name: run.column(name) for name in options.backends}
        if OURS in columns:
            run.again(columns[OURS][0], _worse(columns))
    finally:
        fleet.close()
    sys.stdout.write(f"{outcomes.table(columns)}\n")
    return 1 if _worse(columns) else 0


def _worse(columns: Columns) -> list[str]:
    if OURS not in columns or THEIRS not in columns:
        return []
    return outcomes.worse(columns[OURS][0], columns[THEIRS][0])


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--backends", nargs="+", default=[OURS, "redis"], choices=[OURS, "redis", "redis-dcr"]
    )
    parser.add_argument("--tests", nargs="+", default=list(suite.FILES), help="files, or ids of tests")
    parser.add_argument("-k", default="", help="pytest's expression, for some of the tests")
    return parser


class Run:
    """The suite, on servers that this run has for itself."""

    def __init__(self, fleet: Fleet, options: argparse.Namespace) -> None:
        self.options = options
        self.redis = fleet.use("redis")
        # The suite's own connections know no password.
        self.redis.command("ACL", "SETUSER", "default", "nopass")
        self.database = create_database(fleet.use("postgresql"), "conformance")
        migrate = [str(suite.PYTHON), "-m", "django", "migrate", "--verbosity=0", "--skip-checks"]
        subprocess.run(migrate, cwd=suite.ROOT, env=self._environment(OURS), check=True)

    def column(self, backend: str) -> tuple[outcomes.Outcomes, float]:
        """Run all the tests on one backend; what pytest says goes to a log beside the report."""
        return self._tested(backend, self.options.tests, ["-k", self.options.k] if self.options.k else [])

    def again(self, column: outcomes.Outcomes, names: Sequence[str]) -> None:
        """Run these tests once more by themselves, and mark in `column` those that pass then."""
        tests = sorted({outcomes.test_of(name) for name in names})
        found, _ = self._tested(OURS, tests) if tests else ({}, 0)
        column.update({name: outcomes.AGAIN for name in names if found.get(name) == outcomes.PASSED})

    def _tested(
        self, backend: str, tests: Sequence[str], more: Sequence[str] = ()
    ) -> tuple[outcomes.Outcomes, float]:
        report = suite.BUILD / f"{backend}-{uuid.uuid4().hex[:8]}.jsonl"
        report.touch()
        self.redis.command("FLUSHALL")
        with report.with_suffix(".log").open("w") as log:
            sys.stdout.write(f"{backend}: {' '.join(tests)}; see {log.name}\n")
            sys.stdout.flush()
            subprocess.run(
                suite.command(tests, more),
                cwd=suite.SUITE,
                env=self._environment(backend, report),
                stdout=log,
                stderr=log,
                check=False,
            )
        return outcomes.read(report.read_text().splitlines())

    def _environment(self, backend: str, report: Path = Path(os.devnull)) -> dict[str, str]:
        url = self.redis.at(RESULTS) if backend == THEIRS else backend
        broker = self.redis.at(BROKER)
        return os.environ | suite.environment(url, broker, self.redis.port, self.database, report)


if __name__ == "__main__":
    sys.exit(main())
