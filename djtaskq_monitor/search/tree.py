"""The conditions of a search as a tree. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import TypeAlias

from djtaskq_monitor.search.fields import EVERYWHERE


@dataclasses.dataclass(frozen=True, slots=True)
class Everything:
    """No condition at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """`value`, in lower case, stands somewhere in the field, in any of `EVERYWHERE` for None."""

    field: str | None
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Same:
    """The field is `value`; of a state and a queue whatever the case."""

    field: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Begins:
    """The task's id begins with `value`."""

    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """One keyword argument is `value` as text, whatever the case."""

    key: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Compared:
    """The field is known and stands so to `value`: a number, seconds or an aware time."""

    field: str
    sign: str
    value: float | dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Not:
    child: "Tree"


@dataclasses.dataclass(frozen=True, slots=True)
class And:
    children: tuple["Tree", ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Or:
    children: tuple["Tree", ...]


Tree: TypeAlias = Everything | Text | Same | Begins | Pair | Compared | Not | And | Or


def joined(kind: type[And] | type[Or], children: list[Tree]) -> Tree:
    flat: list[Tree] = []
    for child in children:
        for each in child.children if isinstance(child, kind) else (child,):
            if each not in flat:
                flat.append(each)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def denied(tree: Tree) -> Tree:
    return tree.child if isinstance(tree, Not) else Not(tree)


def all_of(trees: Iterable[Tree | None]) -> Tree:
    """All these conditions at once."""
    known: list[Tree] = [tree for tree in trees if tree is not None and not isinstance(tree, Everything)]
    return joined(And, known) if known else Everything()


def fields_of(tree: Tree) -> frozenset[str]:
    """The fields that the conditions look at."""
    if isinstance(tree, And | Or):
        return frozenset().union(*map(fields_of, tree.children))
    if isinstance(tree, Not):
        return fields_of(tree.child)
    if isinstance(tree, Text):
        return frozenset(EVERYWHERE if tree.field is None else (tree.field,))
    if isinstance(tree, Same | Compared):
        return frozenset((tree.field,))
    names = {Begins: ("id",), Pair: ("kwargs",)}
    return frozenset(names.get(type(tree), ()))
