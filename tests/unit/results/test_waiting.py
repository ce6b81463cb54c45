import itertools

import pytest
from celery.exceptions import TimeoutError as CeleryTimeout
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_results.waiting import FIRST_PAUSE, GROWTH, LONGEST_PAUSE, Wait


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self):
        self.now = 100.0
        self.pauses = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


def wait_for_ever(waiting):
    while True:
        waiting.pause()


def wait(clock, **options):
    return Wait(clock=clock, sleep=clock.sleep, **options)


@given(st.floats(0, 3_600))
def test_a_result_is_seen_at_most_a_part_of_its_own_time_late(comes_after):
    clock = Clock()
    waiting = wait(clock)
    while waiting.elapsed < comes_after:
        waiting.pause()
    late = waiting.elapsed - comes_after
    assert late <= max(FIRST_PAUSE, min(comes_after * GROWTH, LONGEST_PAUSE)) + 1e-6


def test_an_hour_is_waited_for_with_about_two_looks_a_second():
    clock = Clock()
    waiting = wait(clock)
    while waiting.elapsed < 3_600:
        waiting.pause()
    assert len(clock.pauses) < 2 * 3_600 + 50


@given(st.floats(0, 60), st.floats(0.001, 5))
def test_a_timeout_is_never_overslept(timeout, interval):
    clock = Clock()
    waiting = wait(clock, timeout=timeout, interval=interval)
    with pytest.raises(CeleryTimeout):
        wait_for_ever(waiting)
    assert clock.now - 100 == pytest.approx(timeout, abs=1e-5)


def test_no_time_at_all_is_one_look():
    clock = Clock()
    with pytest.raises(CeleryTimeout):
        wait(clock, timeout=0).pause()
    assert clock.pauses == []


def test_the_interval_is_the_longest_pause_and_the_beat_of_on_interval():
    clock, told = Clock(), []
    waiting = wait(clock, interval=1.0, on_interval=lambda: told.append(clock.now))
    while waiting.elapsed < 20:
        waiting.pause()
    assert max(clock.pauses) == 1.0
    assert told[0] == 100.0
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(told))


def test_an_error_of_on_interval_ends_the_wait():
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        wait(Clock(), on_interval=fail).pause()
