"""A task and its relatives by events: its root, what that called, and what they called."""

import dataclasses
from collections.abc import Mapping
from typing import Self

from django.db.models import Q

from djtaskq_monitor.models import TaskState
from djtaskq_monitor.searching import of_root

# As many relatives are read, and as deep are they shown.
MOST, NEAREST, DEEPEST = 200, 50, 20
_COLUMNS = ("pk", "task_id", "name", "state", "root_id", "parent_id", "runtime", "first_seen")


@dataclasses.dataclass(slots=True)
class Node:
    """A task and what it called, in order of time; `row` is None where no event told of it."""

    task_id: str
    row: TaskState | None = None
    below: list[Self] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """The tree from the root on; `cut` says that there is more than is shown."""

    root: Node
    cut: bool

    @property
    def alone(self) -> bool:
        return not self.root.below


def family_of(row: TaskState) -> Family:
    """The relatives of a task: at most `MOST` of them, and its own parent, siblings and children first.

    At most four statements, each by an index.
    """
    root = row.root_id or row.task_id
    rows = TaskState.objects.order_by("first_seen").only(*_COLUMNS)
    near = Q(parent_id=row.task_id) | (Q(parent_id=row.parent_id) if row.parent_id else Q(pk=row.pk))
    above = [each for each in (root, row.parent_id) if each and each != row.task_id]
    known = {row.task_id: row}
    known |= {each.task_id: each for each in rows.filter(task_id__in=above)} if above else {}
    for each in rows.filter(of_root(root)).order_by()[: MOST + 1]:
        known.setdefault(each.task_id, each)
    cut = len(known) > MOST
    if cut:
        nearest = {each.task_id: each for each in rows.filter(of_root(root)).filter(near)[:NEAREST]}
        own = {task_id: known[task_id] for task_id in (row.task_id, *above) if task_id in known}
        known = dict([*own.items(), *nearest.items(), *known.items()][:MOST])
    return Family(_grown(root, known), cut)


def _grown(root: str, known: Mapping[str, TaskState]) -> Node:
    """Whose parent nobody told of, or stands in a circle, is below the root."""
    nodes = {task_id: Node(task_id, row) for task_id, row in known.items()}
    top = nodes.setdefault(root, Node(root))
    ordered = sorted(known.values(), key=lambda each: (each.first_seen is None, each.first_seen or 0))
    for each in ordered:
        if each.task_id != root:
            parent = nodes.get(each.parent_id or "", top)
            if _leads_to(parent, each.task_id, nodes, root):
                parent = top
            parent.below.append(nodes[each.task_id])
    return top


def _leads_to(node: Node, task_id: str, nodes: Mapping[str, Node], root: str) -> bool:
    """Whether `task_id` is above the node, or the way up is too long to be shown or is a circle."""
    for _step in range(DEEPEST):
        if node.task_id == task_id:
            return True
        if node.task_id == root or node.row is None:
            return False
        node = nodes.get(node.row.parent_id or "", nodes[root])
    return True
