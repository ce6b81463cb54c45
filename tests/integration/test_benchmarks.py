"""No benchmark rots: each runs once, small."""

import pytest

from tests.processes import ROOT

SUPPORT = {"__init__", "harness"}
BENCHMARKS = sorted({path.stem for path in (ROOT / "benchmarks").glob("*.py")} - SUPPORT)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_prints_its_table(name, processes):
    benchmark = processes.python("-m", f"benchmarks.{name}", "--rounds=1", "--size=20", "--database=sqlite")
    assert benchmark.wait(90) == 0, benchmark.output
    assert "| djtaskq |" in benchmark.output
