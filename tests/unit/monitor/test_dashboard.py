"""The dashboard's own arithmetic."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_monitor.dashboard import charting, failures, memory, spans
from djtaskq_monitor.dashboard.totals import cover
from djtaskq_monitor.statistics import histogram

NOW = dt.datetime(2026, 7, 1, 12, 30, 40, tzinfo=dt.UTC)


def test_a_named_span_ends_now():
    span = spans.read({"span": "6h"}, NOW)
    assert (span.since, span.until) == (NOW.replace(hour=6, second=0), NOW)
    assert span.query == {"span": "6h"}
    assert span.bounds == {"since": "2026-07-01T06:30:00Z"}


def test_a_range_comes_before_the_span_that_it_was_brushed_on():
    query = {"span": "6h", "since": "2026-06-30T01:02:03Z", "until": "2026-06-30T02:00:00Z"}
    span = spans.read(query, NOW)
    assert span.bounds == span.query == {"since": "2026-06-30T01:02:00Z", "until": "2026-06-30T02:00:00Z"}


@pytest.mark.parametrize(
    "query",
    [
        {"since": "x"},
        {"since": "2026-13-45"},
        {"since": "0001-01-01T00:00:00Z"},
        {"span": "9z"},
        {"span": "", "since": "", "until": "2020-01-01T00:00:00Z"},
    ],
)
def test_what_cannot_be_read_is_the_usual_span(query):
    assert spans.read(query, NOW).name == spans.USUAL


@given(st.datetimes(), st.datetimes())
def test_no_span_is_empty_or_without_bounds(since, until):
    span = spans.read({"since": since.isoformat(), "until": until.isoformat()}, NOW)
    assert dt.timedelta(minutes=1) <= span.length <= spans.LONGEST + dt.timedelta(minutes=1)
    assert span.until <= NOW


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from([60, 3_600, 86_400]))
def test_a_span_is_covered_once_and_whole(first, length, resolution):
    since, until = first * resolution, (first + length) * resolution
    tiles = sorted(cover(resolution, since, until), key=lambda tile: tile.since)
    assert sum(tile.until - tile.since for tile in tiles) == until - since
    assert all(before.until == after.since for before, after in itertools.pairwise(tiles))
    assert all(tile.since % tile.resolution == tile.until % tile.resolution == 0 for tile in tiles)
    days = length * resolution // 86_400
    assert sum((tile.until - tile.since) // tile.resolution for tile in tiles) <= 2 * 59 + 2 * 23 + days


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ValueError('no')", "ValueError"),
        ("proj.errors.Away()", "proj.errors.Away"),
        ("<script>", ""),
        ("", ""),
        ("Terminated", "Terminated"),
    ],
)
def test_the_class_of_an_exception(said, name):
    assert failures.exception_class(said) == name


def test_groups_are_by_exception_and_task_the_largest_first():
    rows = [(3, "a", NOW, "KeyError(3)"), (2, "b", NOW, "ValueError()"), (1, "a", None, "KeyError(1)")]
    first, second = failures.grouped(rows)
    assert (first.exception, first.name, first.count, first.said, first.pk) == (
        "KeyError",
        "a",
        2,
        "KeyError(3)",
        3,
    )
    assert (second.exception, second.count) == ("ValueError", 1)


@given(st.dictionaries(st.integers(0, len(histogram.ENDS) - 1), st.integers(1, 9)))
def test_bars_hold_all_that_was_counted_without_a_gap(counts):
    found = charting.bars(counts)
    assert sum(count for *_, count in found) == sum(counts.values())
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))


def test_what_is_remembered_is_made_once(monkeypatch):
    memory.forget()
    made = []
    for _ in range(3):
        memory.remembered("k", lambda: made.append(1))
    assert made == [1]
    monkeypatch.setattr(memory, "SECONDS", 0)
    memory.remembered("k", lambda: made.append(1))
    assert made == [1, 1]


def test_no_more_is_remembered_than_there_is_room_for():
    memory.forget()
    for number in range(1_000):
        memory.remembered(number, lambda: 0)
    assert len(memory._known) <= memory._MOST
    memory.forget()
