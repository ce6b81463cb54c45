import os
import signal

import pytest

from djtaskq_beat.undisturbed import undisturbed


@pytest.fixture
def heard():
    """What the process hears of SIGTERM."""
    found = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: found.append(number))
    yield found
    signal.signal(signal.SIGTERM, before)


def test_a_signal_waits_until_the_work_is_done(heard):
    with undisturbed():
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == []
    assert heard == [signal.SIGTERM]


def test_a_signal_comes_through_again_after_work_that_failed(heard):
    with pytest.raises(ZeroDivisionError), undisturbed():
        raise ZeroDivisionError
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]
