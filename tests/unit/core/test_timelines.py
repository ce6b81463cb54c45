"""What several apps know of a task's way, as one timeline."""

import datetime as dt

import pytest

from djtaskq import timelines
from djtaskq.outcomes import Link
from djtaskq.timelines import Asked, Moment, Timeline

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


@pytest.fixture
def readers(monkeypatch):
    monkeypatch.setattr(timelines, "_readers", {})


def known(links=(), **moments):
    return Timeline(
        moments=tuple(Moment(name=name, at=NOON + dt.timedelta(seconds=at)) for name, at in moments.items()),
        links=tuple(Link(label=label, url=f"/{label}") for label in links),
    )


def names():
    return [moment.name for moment in timelines.timeline_of(Asked(task_id="a")).moments]


def test_moments_of_all_stand_in_order_of_time(readers):
    timelines.register("one", lambda _asked: known(started=3, succeeded=4))
    timelines.register("two", lambda _asked: known(sent=1, received=2))
    assert names() == ["sent", "received", "started", "succeeded"]


def test_of_two_moments_of_one_name_the_lower_order_wins(readers):
    timelines.register("late", lambda _asked: known(started=9), order=200)
    timelines.register("early", lambda _asked: known(started=3))
    (moment,) = timelines.timeline_of(Asked(task_id="a")).moments
    assert moment.at == NOON + dt.timedelta(seconds=3)


def test_what_happened_at_once_stands_in_its_usual_order(readers):
    timelines.register("one", lambda _asked: known(failed=1, custom=1, started=1, sent=1))
    assert names() == ["sent", "started", "failed", "custom"]


def test_links_of_all_are_there_and_those_that_know_nothing_add_nothing(readers):
    timelines.register("one", lambda asked: known(links=[asked.periodic_task]))
    timelines.register("two", lambda _asked: None)
    links = timelines.timeline_of(Asked(task_id="a", periodic_task="nightly")).links
    assert [link.label for link in links] == ["nightly"]
