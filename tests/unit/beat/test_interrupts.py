import os
import signal
import threading

import pytest

from djtaskq_beat.interrupts import held_back


@pytest.fixture
def handled():
    """The signals that came through to the handler, which ends the program as Celery's does."""
    came = []

    def handle(number, _frame):
        came.append(number)
        raise SystemExit

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    yield came
    for number, handler in before.items():
        signal.signal(number, handler)


def in_block(work):
    with held_back():
        work()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_the_end_of_the_work(number, handled):
    def work():
        os.kill(os.getpid(), number)
        done.append(list(handled))

    done = []
    with pytest.raises(SystemExit):
        in_block(work)
    assert done == [[]]
    assert handled == [number]


def test_a_second_signal_does_not_wait(handled):
    def work():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("it waited")

    with pytest.raises(SystemExit):
        in_block(work)
    assert handled == [signal.SIGINT]


def test_work_that_fails_lets_the_signal_through_all_the_same(handled):
    def work():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ValueError

    with pytest.raises(SystemExit):
        in_block(work)
    assert handled == [signal.SIGTERM]


def test_afterwards_all_is_as_before(handled):
    before = signal.getsignal(signal.SIGTERM)
    with held_back():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_another_thread_there_is_nothing_to_hold_back():
    def work():
        with held_back():
            done.append(signal.getsignal(signal.SIGTERM))

    done = []
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]
