"""The relatives of a task on its page: a tree from the root on, of a bounded size."""

from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq_monitor.family import MOST, family_of
from djtaskq_monitor.models import TaskState
from tests.contract.monitor.paging import page_of, shown, task

# The person, the row, the outcome and the timeline of each app, the relatives, the arguments.
MOST_STATEMENTS = 20


def test_the_page_costs_as_much_however_large_the_family(viewer, database):
    rows = [task("root", root_id="root")]
    TaskState.objects.bulk_create(
        TaskState(task_id=f"c{number}", root_id="root", parent_id="root", state="SUCCESS", name="shop.part",
                  tstamp=timezone.now(), first_seen=timezone.now())
        for number in range(MOST + 100)
    )  # fmt: skip
    with CaptureQueriesContext(connections[database]) as captured:
        html = shown(viewer, rows[0])
    assert len(captured) <= MOST_STATEMENTS, [entry["sql"] for entry in captured]
    assert "There are more" in html
    assert html.count("shop.part") <= MOST + 1


def test_the_family_is_a_tree_from_the_root_on(viewer):
    for task_id, parent in (
        ("root", None),
        ("child", "root"),
        ("grandchild", "child"),
        ("sibling", "root"),
        ("orphan", "gone"),
    ):
        row = task(task_id, name=f"shop.{task_id}", root_id="root", parent_id=parent)
    tree = shown(viewer, TaskState.objects.get(task_id="child"))
    tree = tree[tree.index('class="djtaskq-tree"') :]
    assert (
        tree.index("shop.root")
        < tree.index("shop.child")
        < tree.index("shop.grandchild")
        < tree.index("shop.sibling")
    )
    assert '<strong aria-current="page">shop.child</strong>' in tree
    assert page_of(TaskState.objects.get(task_id="sibling")) in tree
    assert family_of(row).root.task_id == "root"


def test_a_root_that_nobody_told_of_and_a_circle_are_shown(viewer):
    task("a", root_id="gone", parent_id="b")
    row = task("b", root_id="gone", parent_id="a")
    html = shown(viewer, row)
    assert "no event told of it" in html
    found = family_of(row)
    assert {each.task_id for each in found.root.below} & {"a", "b"}


def test_of_a_large_family_the_nearest_are_shown(database):
    task("root", root_id="root")
    now = timezone.now()
    usual = {"root_id": "root", "parent_id": "root", "state": "SUCCESS", "tstamp": now, "first_seen": now}
    many = [TaskState(task_id=f"c{number}", **usual) for number in range(MOST + 200)]
    TaskState.objects.bulk_create(many)
    row = task("late", root_id="root", parent_id="c399")
    task("later", root_id="root", parent_id="late")
    found = family_of(row)
    known, todo = set(), [found.root]
    while todo:
        node = todo.pop()
        known.add(node.task_id)
        todo += node.below
    assert found.cut
    assert {"root", "c399", "late", "later"} <= known
    assert len(known) <= MOST
