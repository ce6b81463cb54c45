import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_results.pace import LEAST, SECONDS, Pace
from djtaskq_results.spans import Span, spans

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR
some_ages = st.sets(st.integers(1, 100).map(lambda hours: hours * HOUR), min_size=1, max_size=5)


def test_a_first_round_looks_at_all_that_is_old_enough_for_any_rule():
    assert spans({DAY, 30 * DAY}, NOW, None) == [Span(None, NOW - DAY)]
    assert spans(set(), NOW, None) == []


def test_the_next_one_looks_at_what_has_reached_an_age_since():
    assert spans({DAY, 30 * DAY}, NOW, NOW - DAY) == [
        Span(NOW - 31 * DAY, NOW - 30 * DAY),
        Span(NOW - 2 * DAY, NOW - DAY),
    ]


@given(ages=some_ages, since=st.integers(0, 60), done=st.integers(0, 200), age=st.data())
def test_what_has_expired_since_is_looked_at_once_and_the_rest_of_the_time_is_not(ages, since, done, age):
    before, at = NOW - since * HOUR, NOW - done * HOUR
    found = spans(ages, NOW, before)
    holding = [span for span in found if span.after <= at < span.until]
    reached = any(before - limit <= at < NOW - limit for limit in ages)
    assert len(holding) == (1 if reached else 0)
    assert all(one.until < other.after for one, other in itertools.pairwise(found))


class TestPace:
    @pytest.mark.parametrize("seconds_each", [1e-6, 1e-4, 1e-3])
    def test_batches_come_to_take_the_time_that_they_may(self, seconds_each):
        pace = Pace(5_000)
        for _ in range(20):
            pace.took(pace.size, pace.size * seconds_each)
        assert pace.size == pytest.approx(min(5_000, SECONDS / seconds_each), abs=1)

    def test_however_slow_it_goes_on(self):
        pace = Pace(5_000)
        for _ in range(20):
            pace.took(pace.size, 60.0)
        assert pace.size == LEAST
        assert pace.longest == 60.0

    def test_one_slow_batch_does_no_more_than_halve_the_next(self):
        pace = Pace(5_000)
        size = pace.size
        pace.took(size, 60.0)
        assert pace.size == size // 2

    def test_it_stays_below_what_a_statement_takes(self):
        pace = Pace(7)
        pace.took(7, 0.0)
        assert pace.size == 7

    def test_others_have_their_turn_after_each_batch(self):
        assert Pace(100).rest(0.02) == 0.01
        assert Pace(100, one_writer=True).rest(0.02) == 0.02
        assert Pace(100, one_writer=True).rest(0.001) == 0.01
