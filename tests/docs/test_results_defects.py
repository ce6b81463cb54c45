"""The eleven defects: each is in docs/results-defects.md once, and every test that is named there exists."""

import re

import pytest

from tests.architecture import walls
from tests.docs.named import assert_named_tests_exist

PAGE = walls.ROOT / "docs" / "results-defects.md"
ROWS = re.findall(r"^\| ([a-z]) \| (.+) \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)


def test_each_of_the_eleven_is_there_once():
    assert [letter for letter, *_ in ROWS] == list("abcdefghijk")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_defect_names_tests_that_exist(row):
    assert_named_tests_exist(row[-1])
