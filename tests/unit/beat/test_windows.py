"""All slots of a window, found the short way, are those that are found one by one."""

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djtaskq_beat.occurrences.bounded import Bounded
from djtaskq_beat.occurrences.clocked import Clocked
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.interval import Interval
from djtaskq_beat.occurrences.window import by_minute, slots_within

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 3, 27, tzinfo=dt.UTC)
starts = st.integers(0, 4 * 24 * 60).map(lambda minutes: START + dt.timedelta(minutes=minutes))


def one_by_one(schedule, start, end):
    found = []
    slot = schedule.next_after(start - dt.timedelta(microseconds=1))
    while slot is not None and slot < end:
        found.append(slot)
        slot = schedule.next_after(slot)
    return found


@settings(deadline=None)
@given(
    starts,
    st.sampled_from(["*", "0", "*/7", "30,59"]),
    st.sampled_from(["*", "2", "1-4", "*/5"]),
    st.sampled_from(["UTC", "Europe/Paris", "Asia/Kolkata", "America/New_York"]),
)
def test_crontabs_around_a_change_of_the_clocks(start, minute, hour, zone):
    crontab = Crontab.parse(minute, hour, zone=zone)
    assert list(slots_within(crontab, start, start + DAY)) == one_by_one(crontab, start, start + DAY)


@settings(deadline=None)
@given(starts, st.integers(1, 200_000), st.integers(-100_000, 100_000), st.none() | st.integers(0, 50_000))
def test_intervals_by_the_minute_within_bounds(start, milliseconds, offset, length):
    period = dt.timedelta(milliseconds=max(milliseconds, 500))
    interval = Interval(period, start + dt.timedelta(milliseconds=offset))
    end = None if length is None else start + dt.timedelta(milliseconds=length)
    schedule = Bounded(interval, start + dt.timedelta(seconds=7), end)
    slots = one_by_one(schedule, start, start + dt.timedelta(minutes=10))
    assert by_minute(schedule, start, 10) == Counter(
        (slot - start) // dt.timedelta(minutes=1) for slot in slots
    )


@pytest.mark.parametrize(("ahead", "found"), [(0, 1), (1439, 1), (1440, 0), (-1, 0)])
def test_a_clocked_time_counts_where_it_lies(ahead, found):
    clocked = Clocked(START + dt.timedelta(minutes=ahead))
    assert sum(by_minute(clocked, START, 1440).values()) == found


def test_bounds_within_bounds_all_hold():
    inner = Bounded(Crontab.parse("0", zone="UTC"), START + 3 * DAY / 24, None)
    outer = Bounded(inner, START, START + 6 * DAY / 24)
    assert list(by_minute(outer, START, 1440)) == [180, 240, 300]
