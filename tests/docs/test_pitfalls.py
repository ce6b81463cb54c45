"""The fifty pitfalls: each of them is in docs/pitfalls.md once, and every test that is named there exists."""

import re

import pytest

from tests.architecture import walls
from tests.docs.named import assert_named_tests_exist

PAGE = walls.ROOT / "docs" / "pitfalls.md"
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)


def test_each_of_the_fifty_is_there_once():
    assert sorted(int(number) for number, *_ in ROWS) == list(range(1, 51))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_pitfall_names_tests_that_exist(row):
    assert_named_tests_exist(row[-1])
