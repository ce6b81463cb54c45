"""A task and what it called, as a tree, read off result tuples. Pure.

Result tuples are what Celery's `as_tuple()` makes: `[[id, parent], null]` for a task, `[[id, parent],
[tuples]]` for a group; `parent` is a tuple too: what ran before, whose end started this one.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Self

# How many members of one group are shown, and how many things in all.
MEMBERS = 50
MOST = 300


@dataclasses.dataclass(slots=True)
class Node:
    """A task or a group. `below` is what it called or holds, `then` what ran after it.

    Of a group that holds more than `MEMBERS`, `members` has the ids of all of them and `hidden` says how many
    have no node.
    """

    id: str
    is_group: bool = False
    below: list[Self] = dataclasses.field(default_factory=list)
    then: list[Self] = dataclasses.field(default_factory=list)
    members: list[str] = dataclasses.field(default_factory=list)
    hidden: int = 0

    def walk(self) -> Iterator[Self]:
        yield self
        for node in (*self.below, *self.then):
            yield from node.walk()


class Grower:
    """Makes nodes of result tuples until there are `most` of them; `cut` is true once some were left out."""

    def __init__(self, most: int = MOST) -> None:
        self._left = most
        self.cut = False

    def grown(self, tuples: Any) -> list[Node]:
        """The nodes of a list of result tuples, each below what ran before it."""
        found = (self._rooted(given, depth=0) for given in (tuples if isinstance(tuples, list) else ()))
        return [node for node in found if node is not None]

    def task(self, task_id: str) -> Node | None:
        """A task's node; None where there are enough."""
        if self._left <= 0:
            self.cut = True
            return None
        self._left -= 1
        return Node(task_id)

    def group(self, group_id: str, members: list[Any], depth: int = 0) -> Node | None:
        """A group's node with those of its first members."""
        node = self.task(group_id)
        if node is None:
            return None
        node.is_group = True
        node.members = [member for given in members if (member := _id_of(given))]
        found = (self._rooted(given, depth + 1) for given in members[:MEMBERS])
        node.below = [member for member in found if member is not None]
        node.hidden = max(0, len(members) - len(node.below))
        return node

    def _rooted(self, given: Any, depth: int) -> Node | None:
        """The node of one tuple, or of the first thing that led to it."""
        read = _read(given)
        if read is None or depth > _DEEPEST:
            return None
        task_id, parent, members = read
        before = None if parent is None else self._rooted(parent, depth + 1)
        node = self.task(task_id) if members is None else self.group(task_id, members, depth)
        if before is None or node is None:
            return node or before
        _last(before).then.append(node)
        return before


_DEEPEST = 50


def joined(nodes: Iterable[Node]) -> list[Node]:
    """The nodes with each id once: the same thing may be reported by two that know of it."""
    found: dict[str, Node] = {}
    for node in nodes:
        found.setdefault(node.id, node)
    return list(found.values())


def _read(given: Any) -> tuple[str, Any, list[Any] | None] | None:
    match given:
        case [[str(task_id), parent], None]:
            return task_id, parent, None
        case [[str(task_id), parent], list(members)]:
            return task_id, parent, members
        case [str(task_id), None]:  # as Celery 3 wrote them
            return task_id, None, None
        case _:
            return None


def _id_of(given: Any) -> str:
    read = _read(given)
    return read[0] if read else ""


def _last(node: Node) -> Node:
    while node.then:
        node = node.then[-1]
    return node
