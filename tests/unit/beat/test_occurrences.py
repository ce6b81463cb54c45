"""Intervals, clocked times, bounds and the sun."""

import datetime as dt

import pytest
from celery import Celery, schedules
from hypothesis import given, settings
from hypothesis import strategies as st

from djtaskq_beat.errors import IntervalTooLong, IntervalTooShort, InvalidSolar, UnknownPeriod
from djtaskq_beat.occurrences.bounded import Bounded
from djtaskq_beat.occurrences.clocked import Clocked
from djtaskq_beat.occurrences.interval import Interval
from djtaskq_beat.occurrences.solar import EVENTS, Solar

TICK = dt.timedelta(microseconds=1)
ANCHOR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
START, END = (dt.datetime(year, 1, 1) for year in (2020, 2040))  # noqa: DTZ001  hypothesis wants it naive
instants = st.datetimes(START, END, timezones=st.just(dt.UTC))


@given(anchor=instants, instant=instants, microseconds=st.integers(10_000, 10**13))
def test_interval_slots_are_whole_periods_after_the_anchor(anchor, instant, microseconds):
    interval = Interval.every(microseconds, "microseconds", anchor)
    following, latest = interval.next_after(instant), interval.latest_until(instant)
    assert following > instant
    assert (following - anchor) % interval.period == dt.timedelta()
    if instant < anchor:
        assert (following, latest) == (anchor, None)
    else:
        assert latest <= instant < following == latest + interval.period


def test_an_interval_does_not_drift_however_late_its_runs_are():
    interval = Interval.every(1, "seconds", ANCHOR)
    slot = ANCHOR
    for late in range(0, 900_000, 3_001):
        slot = interval.next_after(slot + late * TICK)
    assert slot == ANCHOR + dt.timedelta(seconds=len(range(0, 900_000, 3_001)))


@pytest.mark.parametrize(
    ("number", "period", "error"),
    [
        (0, "seconds", IntervalTooShort),
        (-5, "days", IntervalTooShort),
        (1, "microseconds", IntervalTooShort),
        (2_000_000_000, "days", IntervalTooLong),
        (900_000_000, "days", IntervalTooLong),
        (1, "fortnights", UnknownPeriod),
    ],
)
def test_an_absurd_interval_is_refused_with_the_reason(number, period, error):
    with pytest.raises(error):
        Interval.every(number, period, ANCHOR)


def test_an_interval_ends_with_the_calendar():
    centuries = Interval.every(365_000, "days", ANCHOR)
    last = centuries.latest_until(dt.datetime.max.replace(tzinfo=dt.UTC))
    assert centuries.next_after(last) is None


def test_a_clocked_time_comes_once():
    clocked = Clocked(ANCHOR)
    assert clocked.next_after(ANCHOR - TICK) == ANCHOR
    assert clocked.next_after(ANCHOR) is None
    assert clocked.latest_until(ANCHOR - TICK) is None
    assert clocked.latest_until(ANCHOR + dt.timedelta(days=9)) == ANCHOR


@given(instant=instants)
def test_no_slot_is_outside_of_the_bounds(instant):
    start, end = ANCHOR + dt.timedelta(minutes=3), ANCHOR + dt.timedelta(minutes=9)
    bounded = Bounded(Interval.every(2, "minutes", ANCHOR), start, end)
    following, latest = bounded.next_after(instant), bounded.latest_until(instant)
    assert following is None or max(start, instant) <= following < end
    assert latest is None or start <= latest < end
    assert (following is None) == (instant >= ANCHOR + dt.timedelta(minutes=8))


def test_a_slot_at_the_start_is_within_the_bounds():
    start = ANCHOR + dt.timedelta(minutes=4)
    bounded = Bounded(Interval.every(2, "minutes", ANCHOR), start, None)
    assert bounded.next_after(ANCHOR) == start
    assert bounded.latest_until(start) == start


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(("latitude", "longitude"), [(40.7, -74.0), (-33.9, 151.2), (0, 180), (59.3, 18.1)])
def test_the_sun_is_where_celery_sees_it(event, latitude, longitude):
    instant = dt.datetime(2026, 9, 20, 10, tzinfo=dt.UTC)
    app = Celery("sun", set_as_current=False)
    theirs = schedules.solar(event, latitude, longitude, app=app, nowfun=lambda: instant)
    ours = Solar.at(event, latitude, longitude)
    expected = instant + theirs.remaining_estimate(instant)
    assert abs(ours.next_after(instant) - expected) < dt.timedelta(seconds=2)


@given(
    event=st.sampled_from(list(EVENTS)),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    instant=instants,
)
@settings(max_examples=60, deadline=None)
def test_the_sun_answers_everywhere_and_the_same_from_wherever_one_asks(event, latitude, longitude, instant):
    solar = Solar.at(event, latitude, longitude)
    following = solar.next_after(instant)
    if following is None:
        return
    assert following > instant
    assert solar.latest_until(following) == following
    assert solar.next_after(following - TICK) == following
    after = solar.next_after(following)
    assert after is None or after > following + dt.timedelta(minutes=1)


def test_polar_night_ends_with_a_sunrise():
    svalbard = Solar.at("sunrise", 78.2, 15.6)
    days, instant = [], dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    while (instant := svalbard.next_after(instant)).year == 2026:
        days.append(instant)
    assert days[0].month == 2
    assert days == sorted(set(days))
    assert len({day.date() for day in days}) > 120


def test_a_place_that_is_none_is_refused():
    with pytest.raises(InvalidSolar, match="latitude 91"):
        Solar.at("sunrise", 91, 0)
    with pytest.raises(InvalidSolar, match="no event 'moonrise'"):
        Solar.at("moonrise", 0, 0)
