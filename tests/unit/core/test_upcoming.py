"""Next runs of several readers as one list, page by page."""

import datetime as dt

import pytest

from djtaskq import upcoming
from djtaskq.upcoming import Run

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def reader(*times):
    """Who keeps a schedule for each of `times`, in hours; two of the same time differ by their keys."""
    every = [
        Run(at=NOON + dt.timedelta(hours=hours), key=key, name=f"{hours}/{key}", task="t")
        for key, hours in enumerate(times)
    ]

    def read(behind, most):
        found = sorted((run.at, run.key, run) for run in every)
        return [run for at, key, run in found if behind is None or (at, key) > behind][:most]

    return read


@pytest.fixture(autouse=True)
def readers(monkeypatch):
    monkeypatch.setattr(upcoming, "_readers", {})
    upcoming.register("b", reader(1, 1, 3), permission="b.view")
    upcoming.register("a", reader(2, 1), permission="a.view")


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_each_run_comes_once_and_in_order(size):
    found, place = [], None
    while page := upcoming.runs({"a", "b"}, place, size):
        found += [(run.source, run.name) for run in page]
        place = page[-1].place
    assert found == [("a", "1/1"), ("b", "1/0"), ("b", "1/1"), ("a", "2/0"), ("b", "3/2")]


def test_only_those_who_may_be_asked_are():
    assert upcoming.permissions() == {"a": "a.view", "b": "b.view"}
    assert {run.source for run in upcoming.runs({"a"}, None, 10)} == {"a"}
    assert upcoming.runs(set(), None, 10) == []
