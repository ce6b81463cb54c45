"""Searching in the list of tasks: within bounds, without secrets, and the same in SQL as by the eye."""

from itertools import chain

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from djtaskq_monitor import search, searching
from djtaskq_monitor.models import TaskState
from djtaskq_monitor.searching import columns, walking
from tests.contract.monitor.listing import LIST, changelist, numbers, rows, walk

SECRET = "hunter2"


def test_a_search_that_cannot_be_read_says_where_and_shows_nothing(viewer):
    rows(3)
    page = viewer.get(LIST, {"q": "shop (usual"})
    assert "This parenthesis is not closed, at position 5." in page.content.decode()
    assert numbers(page.context["cl"]) == []


def test_a_search_looks_through_a_bounded_number_and_says_so(viewer, monkeypatch):
    monkeypatch.setattr(walking, "_FIRST_STEP", 100)
    monkeypatch.setattr(walking, "MOST_ROWS", 600)
    monkeypatch.setattr(walking, "SECONDS", 1_000)
    rows(1_500, name=lambda number: "shop.old" if number > 1_400 else "shop.usual")
    found = changelist(viewer, "?q=old")
    assert (numbers(found), found.page.looked_at, found.page.total) == ([], 600, None)
    text = viewer.get(f"{LIST}?q=old").content.decode()
    assert "looked through 600 tasks, back to" in text
    assert "Look further" in text
    assert sorted(chain(*walk(viewer, "?q=old"))) == list(range(1_401, 1_500))
    assert changelist(viewer, "?q=name:shop.old+state:SUCCESS&name=shop.old").page.total == 99


def test_a_search_ends_in_time(viewer, monkeypatch):
    monkeypatch.setattr(walking, "_FIRST_STEP", 100)
    monkeypatch.setattr(walking, "SECONDS", 0)
    rows(300)
    assert changelist(viewer, "?q=nothing").page.looked_at == 100


def test_a_secret_is_not_to_be_found_by_looking_for_it(viewer):
    """Neither by what is found nor by what is left out."""
    rows(
        4, kwargs=lambda number: f"{{'password': '{SECRET if number == 2 else 'x'}', 'user': 'ann{number}'}}"
    )
    assert numbers(changelist(viewer, f"?q={SECRET}")) == []
    assert numbers(changelist(viewer, f"?q=kwargs:password={SECRET}")) == []
    assert len(numbers(changelist(viewer, f"?q=-{SECRET}"))) == 4
    assert len(numbers(changelist(viewer, f"?q=-kwargs:{SECRET}"))) == 4
    assert numbers(changelist(viewer, "?q=kwargs:user=ann2")) == [2]
    assert sorted(numbers(changelist(viewer, "?q=-kwargs:ann2"))) == [0, 1, 3]
    assert SECRET not in viewer.get(f"{LIST}?q=user").content.decode()


words = st.sampled_from(["ann", "bob", "ERR", "shop.one", "one@h", "t-1", "slow", "'user'"])
leaves = st.one_of(
    st.builds(search.Text, st.sampled_from([None, *search.TEXTS]), words.map(str.casefold)),
    st.builds(search.Same, st.sampled_from(search.SAME), st.sampled_from(["FAILURE", "slow", "t-1"])),
    st.builds(search.Begins, st.sampled_from(["t-", "t-1", "x"])),
    st.builds(search.Pair, st.just("user"), st.sampled_from(["ann", "bob"])),
    st.builds(search.Compared, st.just("runtime"), st.sampled_from([">", "<=", "="]), st.just(1.0)),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: (
        st.builds(search.Not, inner)
        | st.builds(lambda some: search.And(tuple(some)), st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda some: search.Or(tuple(some)), st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=6,
)


def test_the_database_finds_what_the_conditions_mean(database):
    values = {
        "name": [None, "shop.one", "shop.two"],
        "state": ["FAILURE", "STARTED", "SUCCESS"],
        "worker_id": [None, "one@h"],
        "kwargs": [None, "{'user': 'ann'}", "{'user': 'bob', 'token': 'ann'}"],
        "result": [None, "bob", "{'password': 'bob'}"],
        "exception": [None, "Err('ann')"],
        "queue": [None, "slow"],
        "runtime": [None, 1.0, 2.0],
        "parent_id": [None, "t-1"],
    }
    spread = {name: (lambda number, some=some, by=by: some[number // by % len(some)])
              for by, (name, some) in enumerate(values.items(), 1)}  # fmt: skip
    rows(60, task_id=lambda number: f"t-{number}", **spread)
    every = [columns.as_shown(row) | {"pk": row["pk"]} for row in _values()]

    @settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
    @given(trees)
    def agrees(tree):
        found = searching.search_page(TaskState.objects.all(), tree, None, size=100)
        assert {row.pk for row in found.rows} == {row["pk"] for row in every if search.matches(tree, row)}

    agrees()


def _values():
    for row in TaskState.objects.values("pk", *columns.COLUMNS.values()):
        pk = row.pop("pk")
        yield _Row(row, pk)


class _Row(dict):
    def __init__(self, values, pk):
        super().__init__(values)
        self._pk = pk

    def __getitem__(self, name):
        return self._pk if name == "pk" else super().__getitem__(name)


def test_what_only_the_eye_can_tell_ends_in_time_and_goes_on(viewer, monkeypatch):
    """The database takes all of them for possible: each has to be looked at as it is shown."""
    monkeypatch.setattr(walking, "SECONDS", 0)
    rows(400, kwargs=lambda number: "{'user': 'bob'}" if number == 399 else "{'user': 'ann'}")
    first = changelist(viewer, "?q=-kwargs:user=ann")
    assert numbers(first) == []
    assert first.page.looked_to is not None
    assert list(chain(*walk(viewer, "?q=-kwargs:user=ann"))) == [399]
