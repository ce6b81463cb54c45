"""Tests that pages name as `path::test`, looked up without importing anything."""

import ast
import functools
import re

from tests.architecture import walls


def assert_named_tests_exist(text):
    """Every test that stands in backquotes in `text` exists, and there is at least one."""
    named = re.findall(r"`([^`]+)`", text)
    assert named
    for test in named:
        path, _, name = test.partition("::")
        assert (walls.ROOT / path).is_file(), f"there is no {path}"
        assert name in names_in(path), f"there is no {name} in {path}"


@functools.cache
def names_in(path):
    """The tests of a file by name, those of classes as `Class::test`."""
    tree = ast.parse((walls.ROOT / path).read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
    return {name for name in found if name.split("::")[-1].startswith("test_")}
