"""The twelve losses: each is in docs/monitor-losses.md once, and every test that is named there exists."""

import re

import pytest

from tests.architecture import walls
from tests.docs.named import assert_named_tests_exist

PAGE = walls.ROOT / "docs" / "monitor-losses.md"
ROWS = re.findall(r"^\| L(\d+) \| (.+) \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)


def test_each_of_the_twelve_is_there_once():
    assert [int(number) for number, *_ in ROWS] == list(range(1, 13))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"L{row[0]}")
def test_a_loss_names_tests_that_exist(row):
    assert_named_tests_exist(row[-1])
