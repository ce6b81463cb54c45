"""What became of each test, and the table that sets the backends side by side. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# What a test's phases are worth: the worst one counts.
_WORST_FIRST = ("failed", "skipped", "xfailed", "passed")
PASSED = "passed"
MISSING = "not run"
# A test that another one's thread or the machine's load had disturbed.
AGAIN = "passed again"

Outcomes = dict[str, str]


def read(lines: Iterable[str]) -> tuple[Outcomes, float]:
    """The outcome of each test and subtest by its id, and the seconds that all of them took."""
    phases: dict[str, list[str]] = {}
    seconds = 0.0
    for line in lines:
        report = json.loads(line)
        name = f"{report['test']} ({report['subtest']})" if report["subtest"] else report["test"]
        phases.setdefault(name, []).append(report["outcome"])
        seconds += 0 if report["subtest"] else report["seconds"]
    return {name: min(seen, key=_WORST_FIRST.index) for name, seen in phases.items()}, seconds


def worse(ours: Outcomes, theirs: Outcomes) -> list[str]:
    """Tests that pass on the other backend and not on ours."""
    passed = (name for name, outcome in theirs.items() if outcome == PASSED)
    return [name for name in passed if ours.get(name) not in {PASSED, AGAIN}]


def test_of(name: str) -> str:
    """The id that pytest takes, of a test or of one of its subtests."""
    return name.partition(" (")[0]


def table(columns: Mapping[str, tuple[Outcomes, float]]) -> str:
    """A Markdown table: a row for each test that differs or failed, and the totals."""
    outcomes: Sequence[Outcomes] = [column for column, _ in columns.values()]
    names = sorted({name for column in outcomes for name in column})
    head = [["test", *columns], ["---"] * (len(columns) + 1)]
    rows = [[name, *(column.get(name, MISSING) for column in outcomes)] for name in names]
    differing = [row for row in rows if len(set(row[1:])) > 1 or "failed" in row[1:]]
    totals = [["all", *(_total(column) for column in outcomes)]]
    times = [["seconds", *(f"{seconds:,.0f}" for _, seconds in columns.values())]]
    return "\n".join(f"| {' | '.join(row)} |" for row in [*head, *differing, *totals, *times])


def _total(column: Outcomes) -> str:
    counted = Counter(column.values())
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(counted.items()))
