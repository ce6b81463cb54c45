import itertools

import pytest

from tests.waiting import NotInTimeError, eventually


def test_the_first_true_answer_is_returned():
    numbers = itertools.count(-3)
    assert eventually(lambda: max(next(numbers), 0)) == 1


def test_a_failed_assertion_means_not_yet():
    numbers = itertools.count()

    def condition():
        number = next(numbers)
        assert number > 2
        return number

    assert eventually(condition) == 3


def test_a_wait_is_bounded_and_says_what_it_waited_for():
    with pytest.raises(NotInTimeError, match=r"not within 0.05 s: the moon \(last: 0\)"):
        eventually(lambda: 0, timeout=0.05, message="the moon")


def test_any_other_error_ends_the_wait():
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 / 0)
