from hypothesis import given
from hypothesis import strategies as st

from djtaskq_results.joining import Returned, is_nested, joined, leaves


def task(task_id):
    return [[task_id, None], None]


def group(*members):
    return [["a group", None], list(members)]


nodes = st.recursive(
    st.integers(0, 99).map(lambda number: task(f"t{number}")),
    lambda children: st.lists(children, max_size=4).map(lambda members: group(*members)),
)


def shape(node):
    (task_id, _), members = node
    return task_id if members is None else [shape(member) for member in members]


@given(st.lists(nodes, max_size=5))
def test_the_body_sees_the_shape_of_the_header(header):
    assert joined(header, [], lambda task_id: task_id) == [shape(node) for node in header]


@given(st.lists(nodes, max_size=5))
def test_every_leaf_is_named(header):
    asked = []
    joined(header, [], asked.append)
    assert list(leaves(header)) == asked
    assert is_nested(header) == any(members is not None for _, members in header)


def test_parts_that_the_header_does_not_name_stand_at_their_position():
    returned = [Returned(0, "a"), Returned(-1, "last"), Returned(0, "added"), Returned(1, "b")]
    header = [task("a"), task("b")]
    assert joined(header, returned, str) == ["a", "added", "b", "last"]


@given(st.permutations(range(6)))
def test_without_a_header_the_parts_are_ordered_by_position(positions):
    returned = [Returned(position, f"t{position}") for position in positions]
    assert joined([], returned, str) == [f"t{position}" for position in range(6)]


def test_one_task_may_stand_in_a_header_twice():
    assert joined([task("a"), task("a")], [Returned(0, "a"), Returned(1, "a")], str) == ["a", "a"]
    assert joined([], [Returned(0, "a"), Returned(1, "a")], str) == ["a", "a"]
