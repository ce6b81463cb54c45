"""How soon a worker that was asked in vain is asked for its queues again."""

import time

import pytest

from djtaskq_monitor.brokers.workers import Asked


@pytest.mark.parametrize(
    ("silent", "ago", "patient"),
    [(1, 1.0, True), (1, 2.1, False), (3, 7.0, True), (3, 8.1, False), (50, 59.0, True), (50, 60.1, False)],
)
def test_a_worker_that_was_just_starting_is_asked_soon_and_one_that_never_answers_seldom(
    silent, ago, patient
):
    assert Asked(pid=1, at=time.monotonic() - ago, silent=silent).patient is patient
