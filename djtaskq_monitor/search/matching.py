"""Whether a task meets the conditions of a search. Pure."""

import functools
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from djtaskq.redaction import end_of_value
from djtaskq_monitor.search.fields import EVERYWHERE
from djtaskq_monitor.search.tree import And, Begins, Compared, Not, Or, Pair, Same, Text, Tree

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_KEY = re.compile(r"""[{,]\s*(["'])((?:\\.|(?!\1).)*)\1\s*:\s*""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def matches(tree: Tree, task: Mapping[str, Any]) -> bool:
    """Whether a task, by the names of fields, meets the conditions; what is unknown is None."""
    if isinstance(tree, And):
        return all(matches(child, task) for child in tree.children)
    if isinstance(tree, Or):
        return any(matches(child, task) for child in tree.children)
    if isinstance(tree, Not):
        return not matches(tree.child, task)
    return _meets(tree, task)


@functools.singledispatch
def _meets(_condition: Any, _task: Mapping[str, Any]) -> bool:
    return True


@_meets.register
def _text(condition: Text, task: Mapping[str, Any]) -> bool:
    fields = EVERYWHERE if condition.field is None else (condition.field,)
    return any(condition.value in _lower(task.get(field)) for field in fields)


@_meets.register
def _same(condition: Same, task: Mapping[str, Any]) -> bool:
    if condition.field not in {"state", "queue"}:
        return bool(task.get(condition.field) == condition.value)
    return _lower(task.get(condition.field)) == condition.value.casefold()


@_meets.register
def _begins(condition: Begins, task: Mapping[str, Any]) -> bool:
    return str(task.get("id") or "").startswith(condition.value)


@_meets.register
def _pair(condition: Pair, task: Mapping[str, Any]) -> bool:
    return (condition.key, condition.value) in pairs(_lower(task.get("kwargs")))


@_meets.register
def _compared(condition: Compared, task: Mapping[str, Any]) -> bool:
    known = task.get(condition.field)
    return known is not None and _COMPARE[condition.sign](known, condition.value)


def _lower(value: Any) -> str:
    return "" if value is None else str(value).casefold()


def pairs(text: str) -> set[tuple[str, str]]:
    """Keys and values of the dictionary that `text` represents, as far as it goes; never evaluated."""
    found: set[tuple[str, str]] = set()
    place = text.find("{")
    while place >= 0 and (key := _KEY.match(text, place)) is not None:
        place = end_of_value(text, key.end())
        found.add((_ESCAPE.sub(r"\1", key[2]).strip(), _unquoted(text[key.end() : place]).strip()))
    return found


def _unquoted(text: str) -> str:
    if text[:1] in {'"', "'"} and text[-1:] == text[:1] and len(text) > 1:
        return _ESCAPE.sub(r"\1", text[1:-1])
    return text
