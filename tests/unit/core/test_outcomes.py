import datetime as dt

import pytest

from djtaskq import outcomes
from djtaskq.outcomes import Link, Outcome
from djtaskq.task_progress import Progress

STARTED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def readers(monkeypatch):
    monkeypatch.setattr(outcomes, "_readers", {})


def test_without_readers_nothing_is_known(readers):
    assert outcomes.outcomes_of(["a"]) == {}


def test_no_reader_is_asked_for_nothing(readers):
    outcomes.register("never", lambda _ids: pytest.fail("asked"))
    assert outcomes.outcomes_of([]) == {}


def test_a_task_that_nobody_knows_is_missing(readers):
    outcomes.register("one", lambda ids: {"a": Outcome(state="SUCCESS")} if "a" in ids else {})
    assert set(outcomes.outcomes_of(["a", "b"])) == {"a"}


def test_the_lower_order_wins_and_the_others_fill_in(readers):
    outcomes.register(
        "second",
        lambda _ids: {"a": Outcome(state="STARTED", started=STARTED, links=(Link(label="2", url="/2"),))},
        order=20,
    )
    outcomes.register(
        "first", lambda _ids: {"a": Outcome(state="SUCCESS", links=(Link(label="1", url="/1"),))}, order=10
    )
    outcome = outcomes.outcomes_of(["a"])["a"]
    assert outcome.state == "SUCCESS"
    assert outcome.started == STARTED
    assert [link.label for link in outcome.links] == ["1", "2"]


@pytest.mark.parametrize(("finished", "kept"), [(None, True), (STARTED, False)])
def test_progress_is_filled_in_while_the_task_has_not_ended(readers, finished, kept):
    told = Progress(done=1, total=2)
    outcomes.register("first", lambda _ids: {"a": Outcome(state="X", finished=finished)}, order=10)
    outcomes.register("second", lambda _ids: {"a": Outcome(state="PROGRESS", progress=told)}, order=20)
    assert outcomes.outcomes_of(["a"])["a"].progress == (told if kept else None)


def test_registering_again_replaces_the_reader(readers):
    outcomes.register("one", lambda _ids: {"a": Outcome(state="STARTED")})
    outcomes.register("one", lambda _ids: {"a": Outcome(state="SUCCESS")})
    assert outcomes.outcomes_of(["a"])["a"].state == "SUCCESS"


def test_each_reader_is_asked_once_for_each_task_once(readers):
    asked = []
    outcomes.register("one", lambda ids: asked.append(list(ids)) or {})
    outcomes.outcomes_of(iter(["a", "b", "a"]))
    assert asked == [["a", "b"]]


def test_links_are_looked_for_when_they_are_read_and_not_before(readers):
    looked = []

    def found(label):
        def look():
            looked.append(label)
            return (Link(label=label, url=f"/{label}"),)

        return {"a": Outcome(state="SUCCESS", links=outcomes.links_when_read(look))}

    outcomes.register("one", lambda _ids: found("1"))
    outcomes.register("two", lambda _ids: found("2"), order=200)
    outcome = outcomes.outcomes_of(["a"])["a"]
    assert looked == []
    assert [link.url for link in outcome.links] == ["/1", "/2"]
    assert outcome.links[0].label == "1"
    assert looked == ["1", "2"]
