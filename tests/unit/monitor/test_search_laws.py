"""Whatever somebody searches for: a tree is read as it was written, and `NOT` turns every answer round."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from djtaskq_monitor import search
from djtaskq_monitor.search import And, Begins, Compared, Not, Or, Same, SearchError, Text, matches
from djtaskq_monitor.search.tree import denied, joined

NOW = dt.datetime(2026, 11, 21, 12, 30, tzinfo=dt.UTC)


def parsed(query):
    return search.parsed(query, now=NOW)


words = st.text("abc :-=()\"\\'é<>.0", min_size=3, max_size=8).filter(lambda text: len(text.strip()) >= 3)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


leaves = st.one_of(
    st.builds(Text, st.sampled_from([None, *search.TEXTS]), words.map(str.casefold)).filter(
        lambda leaf: leaf.field != "kwargs" or "=" not in leaf.value
    ),
    st.builds(Same, st.sampled_from(search.SAME), words),
    st.builds(Begins, words),
    st.builds(Compared, st.just("retries"), st.sampled_from([">", ">=", "<", "<=", "="]), st.integers(0, 99)),
)


def combined(kind):
    return lambda inner: st.lists(inner, min_size=2, max_size=3, unique_by=repr).map(
        lambda children: joined(kind, children)
    )


trees = st.recursive(
    leaves,
    lambda inner: combined(And)(inner) | combined(Or)(inner) | inner.map(denied),
    max_leaves=6,
)


def written(tree, depth=0):
    """The tree as a query again."""
    if isinstance(tree, And | Or):
        word = " AND " if isinstance(tree, And) else " OR "
        text = word.join(written(child, depth + 1) for child in tree.children)
        return f"({text})" if depth else text
    if isinstance(tree, Not):
        return f"NOT {written(tree.child, depth + 1)}"
    if isinstance(tree, Text):
        return f"{tree.field}:{quoted(tree.value)}" if tree.field else quoted(tree.value)
    if isinstance(tree, Begins):
        return f"id:{quoted(tree.value)}"
    if isinstance(tree, Same):
        return f"{tree.field}:{quoted(tree.value)}"
    return f"{tree.field}:{tree.sign}{tree.value}"


def depth(tree):
    if isinstance(tree, And | Or):
        return 1 + max(map(depth, tree.children))
    return depth(tree.child) if isinstance(tree, Not) else 0


@given(trees)
def test_a_tree_that_is_written_is_read_again(tree):
    if depth(tree) <= 5:
        assert parsed(written(tree)) == tree


tasks = st.fixed_dictionaries(
    {
        field: st.none() | st.text("abc :-=\"'\\{},é", max_size=9)
        for field in (*search.TEXTS, *search.SAME, "id")
    }
    | {"retries": st.none() | st.integers(0, 99), "runtime": st.none() | st.floats(0, 9)}
)  # fmt: skip


@given(trees, tasks)
def test_what_does_not_match_matches_the_opposite(tree, task):
    assert matches(Not(tree), task) is not matches(tree, task)
    assert matches(denied(tree), task) is not matches(tree, task)


@given(
    st.text('abcdORNT AND()"\\-:=<> 12hms', max_size=60)
    | st.lists(
        st.sampled_from(
            ["AND", "OR", "NOT", "(", ")", "-", "name:", "abc", "received:>", "2026-01-01", '"', "-("]
        )
    ).map(" ".join),
    tasks,
)
def test_any_query_is_read_or_refused_within_itself(query, task):
    try:
        tree = parsed(query)
    except SearchError as refused:
        place = refused.position
    else:
        place = None
        matches(tree, task)
        assert search.fields_of(tree) <= {*search.FIELDS}
    assert place is None or 0 <= place <= len(query)
