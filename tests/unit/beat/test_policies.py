"""Which slots run after a gap: the three policies, their window and limit, and what they leave on record."""

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_beat.occurrences.bounded import Bounded
from djtaskq_beat.occurrences.clocked import Clocked
from djtaskq_beat.occurrences.crontab import Crontab
from djtaskq_beat.occurrences.interval import Interval
from djtaskq_beat.policies import CatchUp, Policy, decide, superseded

NINE = dt.datetime(2026, 5, 4, 9, tzinfo=dt.UTC)
MINUTELY = Interval.every(1, "minutes", NINE)


def minutes(number):
    return dt.timedelta(minutes=number)


def test_a_slot_on_time_runs_and_nothing_is_missed():
    decision = decide(MINUTELY, NINE, NINE + dt.timedelta(seconds=1), Policy())
    assert decision.run == (NINE,)
    assert decision.missed == ()
    assert decision.next_slot == NINE + minutes(1)


def test_latest_runs_the_last_slot_once_and_records_the_others():
    decision = decide(MINUTELY, NINE, NINE + minutes(5.5), Policy())
    assert decision.run == (NINE + minutes(5),)
    assert [(missed.first, missed.through) for missed in decision.missed] == [(NINE, NINE + minutes(4))]
    assert "run the latest" in decision.missed[0].reason
    assert decision.next_slot == NINE + minutes(6)


def test_a_daily_task_that_was_down_at_nine_runs_once_at_one_and_not_before_nine_again():
    daily = Crontab.parse("0", "9")
    decision = decide(daily, NINE, NINE + dt.timedelta(hours=4), Policy())
    assert decision.run == (NINE,)
    assert decision.next_slot == NINE + dt.timedelta(days=1)


def test_slots_of_the_last_two_seconds_all_run():
    secondly = Interval.every(1, "seconds", NINE)
    busy = decide(secondly, NINE, NINE + dt.timedelta(seconds=1.5), Policy())
    assert (len(busy.run), busy.missed) == (2, ())
    away = decide(secondly, NINE, NINE + dt.timedelta(seconds=30), Policy())
    assert len(away.run) == 3
    assert away.missed[0].through == NINE + dt.timedelta(seconds=27)


def test_all_runs_each_slot_in_order():
    decision = decide(MINUTELY, NINE, NINE + minutes(3), Policy(catch_up=CatchUp.ALL))
    assert decision.run == tuple(NINE + minutes(number) for number in range(4))
    assert decision.missed == ()


def test_all_runs_no_more_than_the_limit():
    decision = decide(MINUTELY, NINE, NINE + minutes(9), Policy(catch_up=CatchUp.ALL, limit=3))
    assert decision.run == tuple(NINE + minutes(number) for number in (7, 8, 9))
    assert [(missed.first, missed.through) for missed in decision.missed] == [(NINE, NINE + minutes(6))]
    assert "last 3" in decision.missed[0].reason


def test_skip_runs_what_is_on_time_and_nothing_late():
    policy = Policy(catch_up=CatchUp.SKIP)
    hourly = Interval.every(1, "hours", NINE)
    assert decide(hourly, NINE, NINE + minutes(0.5), policy).run == (NINE,)
    late = decide(hourly, NINE, NINE + minutes(130), policy)
    assert late.run == ()
    assert [(missed.first, missed.through) for missed in late.missed] == [
        (NINE, NINE + dt.timedelta(hours=2))
    ]


def test_no_slot_runs_outside_of_the_window():
    policy = Policy(catch_up=CatchUp.ALL, window=minutes(2))
    decision = decide(MINUTELY, NINE, NINE + minutes(10), policy)
    assert decision.run == tuple(NINE + minutes(number) for number in (8, 9, 10))
    assert "window" in decision.missed[0].reason
    daily = decide(Crontab.parse("0", "9"), NINE, NINE + minutes(10), policy)
    assert daily.run == ()
    assert daily.missed[0].reason


def test_a_year_of_seconds_is_decided_at_once():
    secondly = Interval.every(1, "seconds", NINE)
    started = time.perf_counter()
    decision = decide(secondly, NINE, NINE + dt.timedelta(days=365), Policy(catch_up=CatchUp.ALL))
    assert len(decision.run) == 100
    assert time.perf_counter() - started < 0.01


def test_a_clocked_slot_has_no_next_one():
    decision = decide(Clocked(NINE), NINE, NINE + minutes(30), Policy())
    assert (decision.run, decision.next_slot) == ((NINE,), None)


def test_a_slot_that_was_due_before_its_schedule_changed_still_counts():
    changed = Crontab.parse("0", "15")
    decision = decide(changed, NINE, NINE + minutes(1), Policy())
    assert decision.run == (NINE,)
    assert decision.next_slot == NINE + dt.timedelta(hours=6)


def test_no_slot_comes_after_the_schedule_has_expired():
    bounded = Bounded(MINUTELY, None, NINE + minutes(2))
    decision = decide(bounded, NINE, NINE + minutes(30), Policy())
    assert decision.run == (NINE + minutes(1),)
    assert decision.next_slot is None


@given(
    gap=st.integers(0, 500),
    period=st.integers(1, 60),
    catch_up=st.sampled_from(CatchUp),
    limit=st.integers(1, 20),
    window=st.none() | st.integers(0, 400),
)
def test_every_slot_up_to_now_either_runs_or_is_on_record(gap, period, catch_up, limit, window):
    schedule = Interval.every(period, "minutes", NINE)
    policy = Policy(catch_up=catch_up, limit=limit, window=None if window is None else minutes(window))
    now = NINE + minutes(gap)
    decision = decide(schedule, NINE, now, policy)
    expected = [NINE + minutes(number) for number in range(0, gap + 1, period)]
    recorded = list(decision.run)
    for missed in decision.missed:
        recorded += [slot for slot in expected if missed.first <= slot <= missed.through]
        assert missed.reason
    assert sorted(recorded) == expected
    assert decision.next_slot == schedule.next_after(now)
    assert len(decision.run) <= (limit if catch_up is CatchUp.ALL else 1)


@pytest.mark.parametrize(
    ("catch_up", "later", "expected"),
    [("latest", 10, True), ("latest", 0.5, False), ("skip", 10, True), ("all", 10, False)],
)
def test_a_run_that_was_held_up_gives_way_to_a_later_slot(catch_up, later, expected):
    policy = Policy(catch_up=CatchUp(catch_up))
    assert superseded(MINUTELY, NINE, NINE + minutes(later), policy) is expected
