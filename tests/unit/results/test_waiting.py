import itertools

import pytest
from celery.exceptions import TimeoutError as CeleryTimeout
from hypothesis import given, settings
from hypothesis import strategies as st

from djtaskq_results.waiting import LISTENING, LONGEST_PAUSE, LOOKING, Wait


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


def wait_for_ever(waiting, **how):
    while True:
        waiting.pause(**how)


def wait(clock, **options):
    return Wait(clock=clock, sleep=clock.sleep, **options)


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 600))
def test_a_result_is_seen_at_most_a_part_of_its_own_time_late(comes_after):
    clock = Clock()
    waiting = wait(clock)
    while waiting.elapsed < comes_after:
        waiting.pause()
    late = waiting.elapsed - comes_after
    assert late <= max(LOOKING.first, min(comes_after * LOOKING.growth, LONGEST_PAUSE)) + 1e-6


def test_an_hour_is_waited_for_with_about_two_looks_a_second():
    clock = Clock()
    waiting = wait(clock)
    while waiting.elapsed < 3_600:
        waiting.pause()
    assert len(clock.pauses) < 2 * 3_600 + 50


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 600))
def test_who_listens_looks_all_the_same_but_seldom(comes_after):
    """A notification that got lost costs half of the task's own time, and two seconds at most."""
    clock = Clock()
    waiting = wait(clock)
    looks = 0
    while waiting.elapsed < comes_after:
        waiting.pause(listening=True)
        looks += 1
    late = waiting.elapsed - comes_after
    assert late <= max(LISTENING.first, min(comes_after * LISTENING.growth, LISTENING.longest)) + 1e-6
    assert looks <= comes_after / 2 + 15


def test_who_is_woken_looks_at_once():
    clock = Clock()
    assert Wait(clock=clock, sleep=lambda seconds: clock.sleep(seconds / 2) or True).pause(listening=True)
    assert clock.pauses == [LISTENING.first / 2]
    assert not wait(clock).pause(listening=True)


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 20), st.floats(0.001, 5), st.booleans())
def test_a_timeout_is_never_overslept(timeout, interval, listening):
    clock = Clock()
    waiting = wait(clock, timeout=timeout, interval=interval)
    with pytest.raises(CeleryTimeout):
        wait_for_ever(waiting, listening=listening)
    assert clock.now - 100 == pytest.approx(timeout, abs=1e-5)


def test_no_time_at_all_is_one_look():
    clock = Clock()
    with pytest.raises(CeleryTimeout):
        wait(clock, timeout=0).pause()
    assert clock.pauses == []


@pytest.mark.parametrize("listening", [False, True])
def test_the_interval_is_the_longest_pause_and_the_beat_of_on_interval(listening):
    clock, told = Clock(), []
    waiting = wait(clock, interval=1.0, on_interval=lambda: told.append(clock.now))
    while waiting.elapsed < 20:
        waiting.pause(listening=listening)
    assert max(clock.pauses) == 1.0
    assert told[0] == 100.0
    assert all(1.0 <= later - earlier <= 2.0 for earlier, later in itertools.pairwise(told))


def test_an_error_of_on_interval_ends_the_wait():
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        wait(Clock(), on_interval=fail).pause()
