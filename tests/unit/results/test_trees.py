"""Trees of tasks, read off result tuples."""

import json

from celery import Celery
from celery.result import AsyncResult, GroupResult

from djtaskq_results.trees import MEMBERS, Grower, joined

APP = Celery("trees", set_as_current=False, backend="cache+memory://")


def result(task_id, parent=None):
    return AsyncResult(task_id, app=APP, parent=parent)


def group(group_id, *members, parent=None):
    return GroupResult(group_id, list(members), app=APP, parent=parent)


def stored(*results):
    return json.loads(json.dumps([one.as_tuple() for one in results]))


def shape(node):
    """An id, or (id, what is below, what came then)."""
    if not (node.below or node.then):
        return node.id
    return (node.id, [shape(one) for one in node.below], [shape(one) for one in node.then])


def grown(*results):
    return [shape(node) for node in Grower().grown(stored(*results))]


def test_tasks_stand_side_by_side():
    assert grown(result("a"), result("b")) == ["a", "b"]


def test_a_chain_stands_one_below_the_other():
    last = result("c", result("b", result("a")))
    assert grown(last) == [("a", [], [("b", [], ["c"])])]


def test_a_chords_body_comes_after_its_header():
    body = result("body", group("header", result("a"), result("b")))
    assert grown(body) == [("header", ["a", "b"], ["body"])]


def test_groups_hold_groups():
    assert grown(group("outer", group("inner", result("a")), result("b"))) == [
        ("outer", [("inner", ["a"], []), "b"], [])
    ]


def test_of_a_large_group_the_first_members_are_shown_and_the_others_counted():
    (node,) = Grower().grown(stored(group("large", *(result(str(number)) for number in range(10_000)))))
    assert len(node.below) == MEMBERS
    assert node.hidden == 10_000 - MEMBERS
    assert len(node.members) == 10_000


def test_there_is_an_end_to_what_is_grown():
    grower = Grower(most=10)
    nodes = grower.grown(stored(*(result(str(number)) for number in range(100))))
    assert len(nodes) == 10
    assert grower.cut


def test_a_chain_of_thousands_ends_no_process():
    given = None
    for number in range(900):
        given = [[str(number), given], None]
    assert len(list(Grower().grown([given])[0].walk())) <= 60


def test_what_is_no_result_tuple_is_passed_over():
    assert Grower().grown([None, 3, "x", [], [[1, None], None], {"a": 1}, [["a", None], 3]]) == []
    assert Grower().grown("nonsense") == []
    assert Grower().grown(None) == []


def test_each_thing_stands_once():
    nodes = Grower().grown(stored(result("a"), result("a"), result("b")))
    assert [node.id for node in joined(nodes)] == ["a", "b"]
