"""What a task was called by and what it called, with how each of them stands."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from celery.states import PENDING
from django.db.models import Case, F, TextField, Value, When
from django.db.models.functions import Length
from django_celery_results.models import GroupResult, TaskResult

from djtaskq_results import queries, trees
from djtaskq_results.models import TaskDetail
from djtaskq_results.plain import JSON, value
from djtaskq_results.trees import Grower, Node

LEVELS = 6
# Of a larger meta, the children are not read: a page is not worth ten megabytes of JSON.
META_MOST = 2_000_000
COUNTED = 1_000


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What a tree shows of one task."""

    state: str
    name: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """The tree around a task; `known` by task id, `counts` of states by group id.

    `cut` says that there is more than is shown.
    """

    root: Node
    known: Mapping[str, Known]
    counts: Mapping[str, Mapping[str, int]]
    cut: bool

    @property
    def alone(self) -> bool:
        return not (self.root.below or self.root.then)


def family_of(task_id: str, detail: TaskDetail | None) -> Family:
    """The tree from the task's root on, where details tell the root, else from the task on.

    At most three statements for each of `LEVELS` levels, and `trees.MOST` nodes, however large a group is.
    """
    grower = Grower()
    root = grower.task((detail and detail.root_id) or task_id)
    assert root is not None  # noqa: S101  the first one is always there
    known: dict[str, Known] = {}
    level = [root]
    for _ in range(LEVELS):
        tasks = {node.id: node for node in level if not node.is_group and node.id not in known}
        if not tasks:
            break
        rows = {row.task_id: row for row in _rows(tasks)}
        known |= {task: _known(rows.get(task)) for task in tasks}
        called = _called(tasks) if detail is not None else {}
        level = []
        for task, node in tasks.items():
            children = grower.grown(_children(rows.get(task)))
            children += _by_details(
                grower, called.get(task, ()), {one.id for c in children for one in c.walk()}
            )
            node.below = trees.joined([*node.below, *children])
            level += [one for child in children for one in child.walk()]
    counts = {node.id: counted(node.members) for node in root.walk() if node.is_group and node.hidden}
    return Family(root, known, counts, grower.cut)


def family_of_group(group: Any) -> Family:
    """A saved group (a GroupResult row) with its members, those of groups in it too."""
    stored = value(group.result, group.content_type)
    grower = Grower()
    found = grower.grown([stored])
    root = found[0] if found else Node(group.group_id, is_group=True)
    tasks = {node.id: node for node in root.walk() if not node.is_group}
    rows = {row.task_id: row for row in _rows(tasks)}
    known = {task: _known(rows.get(task)) for task in tasks}
    counts = {node.id: counted(node.members) for node in root.walk() if node.is_group and node.members}
    return Family(root, known, counts, grower.cut)


def counted(task_ids: Sequence[str]) -> dict[str, int]:
    """How many of these tasks are in which state, of the first `COUNTED`; one statement."""
    asked = list(dict.fromkeys(task_ids[:COUNTED]))
    rows = TaskResult.objects.filter(task_id__in=asked).order_by().values_list("status", flat=True)
    states = Counter(rows)
    if missing := len(asked) - sum(states.values()):
        states[PENDING] += missing
    return dict(states.most_common())


def group_page(group_id: str) -> int | None:
    """The key of a saved group's row."""
    return GroupResult.objects.filter(group_id=group_id).values_list("pk", flat=True).first()


def _rows(task_ids: Iterable[str]) -> Any:
    none = Value(None, output_field=TextField())
    small = When(measured__lte=META_MOST, content_type=JSON, then=F("meta"))
    return (
        TaskResult.objects.filter(task_id__in=list(task_ids))
        .order_by()
        .annotate(measured=Length("meta"))
        .annotate(small_meta=Case(small, default=none))
        .only("pk", "task_id", "status", "task_name")
    )


def _known(row: Any) -> Known:
    if row is None:
        return Known(PENDING, "", "")
    return Known(row.status, row.task_name or "", queries.page_of(row))


def _children(row: Any) -> Any:
    meta = None if row is None else value(row.small_meta, JSON)
    return meta.get("children") if isinstance(meta, Mapping) else None


def _called(tasks: Iterable[str]) -> dict[str, list[TaskDetail]]:
    """The details of those whose parent is one of these, by that parent."""
    rows = TaskDetail.objects.filter(parent_id__in=list(tasks)).order_by("pk")
    found: dict[str, list[TaskDetail]] = {}
    for row in rows.only("pk", "task_id", "parent_id", "group_id")[: trees.MOST + 1]:
        found.setdefault(str(row.parent_id), []).append(row)
    return found


def _by_details(grower: Grower, called: Iterable[TaskDetail], known: set[str]) -> list[Node]:
    """Nodes of what the parent's own row does not tell of; the members of a group below one node."""
    groups: dict[str, list[Any]] = {}
    found: list[Node | None] = []
    for row in called:
        if row.task_id in known:
            continue
        if row.group_id is None:
            found.append(grower.task(row.task_id))
        elif row.group_id not in known:
            groups.setdefault(row.group_id, []).append([[row.task_id, None], None])
    found += [grower.group(group_id, members) for group_id, members in groups.items()]
    return [node for node in found if node is not None]
