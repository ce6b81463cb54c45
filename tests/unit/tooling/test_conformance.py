"""What `make conformance` runs, and how it reads what comes out; the suite itself takes half an hour."""

import json
from pathlib import Path

from tests.conformance import outcomes, run, suite

A, B = "test_canvas.py::test_chord::test_a", "test_canvas.py::test_chord::test_b"


def line(test, outcome, when="call", subtest="", seconds=1.0):
    return json.dumps(
        {"test": test, "subtest": subtest, "when": when, "outcome": outcome, "seconds": seconds}
    )


def test_a_test_is_what_the_worst_of_its_phases_is():
    lines = [
        *(line(A, "passed", "setup"), line(A, "failed"), line(A, "passed", "teardown")),
        *(line(B, "passed"), line(B, "passed", subtest="body=1"), line(B, "failed", subtest="body=2")),
    ]
    found, seconds = outcomes.read(lines)
    assert found == {A: "failed", B: "passed", f"{B} (body=1)": "passed", f"{B} (body=2)": "failed"}
    assert seconds == 4  # subtests are within their test's


def test_worse_is_what_passes_there_and_not_here():
    theirs = {A: "passed", B: "xfailed", "c": "passed", "d": "passed", "e": "failed"}
    ours = {A: "failed", B: "failed", "c": outcomes.AGAIN, "e": "passed"}
    assert outcomes.worse(ours, theirs) == [A, "d"]


def test_a_subtest_is_run_again_with_its_test():
    assert outcomes.test_of(f"{A} (body=1)") == A
    assert outcomes.test_of(A) == A


def test_the_table_shows_what_differs_and_all_in_numbers():
    columns = {"ours": ({A: "failed", B: "passed"}, 61.4), "redis": ({A: "passed", B: "passed"}, 1_500.0)}
    assert outcomes.table(columns).splitlines() == [
        "| test | ours | redis |",
        "| --- | --- | --- |",
        f"| {A} | failed | passed |",
        "| all | 1 failed, 1 passed | 2 passed |",
        "| seconds | 61 | 1,500 |",
    ]


def test_the_command_names_the_tests_and_leaves_out_what_is_for_redis_alone():
    options = run.arguments().parse_args(["-k", "chord"])
    command = suite.command(options.tests, ["-k", options.k])
    assert command[-2:] == ["-k", "chord"]
    assert "t/integration/test_canvas.py" in command
    assert sum(part.startswith("--deselect=") for part in command) == len(suite.DESELECTED)


def test_the_names_of_our_backend_pass_for_redis():
    assert all(name.startswith("redis") for name in (run.OURS, run.PEER))
    source = (Path(suite.__file__).parent / "plugin.py").read_text()
    assert run.OURS in source
    assert run.PEER in source
