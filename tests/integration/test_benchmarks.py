"""No benchmark rots: each runs once, small."""

import re

import pytest

from tests.processes import ROOT

SUPPORT = {"__init__", "harness"}
BENCHMARKS = sorted({path.stem for path in (ROOT / "benchmarks").glob("*.py")} - SUPPORT)
SMALL = ["--rounds=1", "--size=20", "--database=sqlite"]
ARGUMENTS = {
    "beat_scale": ["--sizes=1000", "--due=100", "--beats=1", "--peers"],
    "monitor_stream": ["--database=sqlite", "--brokers=redis", "--size=96", "--burst=240", "--pause=0.5"],
}
# A line of dashes, and under it a line with a figure.
TABLE = re.compile(r"^\|[ :|-]+\|\n\|.*\| [\d,.]+ \|", re.MULTILINE)
CONTENDERS = {
    "beat_scale": ["bare send_task", "djtaskq, 1 beat", "django-celery-beat", "RedBeat"],
    "monitor_pages": ["dashboard, 1h", "tasks, all", "dashboard, 304", "tasks, each second"],
    "monitor_store": ["djtaskq", "djtaskq without statistics", "django-celery-monitor's way"],
    "monitor_stream": ["kombu, an empty handler", "djtaskq's camera", "240"],
    "results_cleanup": ["no clean-up", "djtaskq", "django-celery-results", "the next one"],
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_prints_its_table(name, processes):
    benchmark = processes.python("-m", f"benchmarks.{name}", *ARGUMENTS.get(name, SMALL))
    assert benchmark.wait(110) == 0, benchmark.output
    assert TABLE.search(benchmark.output), benchmark.output
    for contender in CONTENDERS.get(name, []):
        assert f"| {contender}" in benchmark.output, benchmark.output
