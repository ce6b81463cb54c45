"""The page that has Flower's answers beside ours: every endpoint, and every difference with its reason."""

import re

from benchmarks.flower_api.calls import CALLS
from djtaskq_monitor.api import urls
from tests.architecture import walls

PAGE = walls.ROOT / "docs" / "flower-api.md"
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| A")
]


def test_each_of_the_twenty_is_called():
    assert {call.number for call in CALLS} == {f"A{number}" for number in range(1, 21)}
    kinds = {
        str(pattern.pattern).partition("<")[0] for pattern in urls.urlpatterns if hasattr(pattern, "name")
    }
    assert {kind for kind in kinds if not any(call.path.startswith(kind) for call in CALLS)} == set()


def test_the_page_has_every_call_in_its_order():
    assert [(number, call) for number, call, *_ in ROWS] == [
        (call.number, f"`{call.method} {call}`") for call in CALLS
    ]


def test_every_difference_has_its_reason():
    assert [row for row in ROWS if row[3] != "the same" and not row[4].strip("*?")] == []
