"""The fifty pitfalls: each of them is in docs/pitfalls.md once, and every test that is named there exists."""

import ast
import functools
import re

import pytest

from tests.architecture import walls

PAGE = walls.ROOT / "docs" / "pitfalls.md"
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)


@functools.cache
def names_in(path):
    """The tests of a file by name, those of classes as `Class::test`, without importing it."""
    tree = ast.parse((walls.ROOT / path).read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
    return {name for name in found if name.split("::")[-1].startswith("test_")}


def test_each_of_the_fifty_is_there_once():
    assert sorted(int(number) for number, *_ in ROWS) == list(range(1, 51))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_pitfall_names_tests_that_exist(row):
    *_, held_by = row
    named = re.findall(r"`([^`]+)`", held_by)
    assert named
    for test in named:
        path, _, name = test.partition("::")
        assert (walls.ROOT / path).is_file(), f"there is no {path}"
        assert name in names_in(path), f"there is no {name} in {path}"
