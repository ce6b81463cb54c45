"""Tasks that workers count and no event told of."""

from djtaskq_monitor.recording.missed import Missed, Told
from tests.monitoring import NOW, event, heartbeat, hostile_dicts


def starts(missed, *times, pid=7):
    for at in times:
        missed.notice(event("task-started", at, uuid=f"t{at}", pid=pid))


def beat(missed, at, processed, pid=7, kind="worker-heartbeat"):
    missed.notice(heartbeat(at, processed=processed, pid=pid, kind=kind))


def test_tasks_whose_start_was_told_are_not_missed():
    missed = Missed()
    beat(missed, 0, 10)
    starts(missed, 0.5, 1)
    beat(missed, 2, 12)
    beat(missed, 4, 12)
    assert missed.total == 0


def test_what_heartbeats_count_and_nobody_told_is_missed():
    missed = Missed()
    beat(missed, 0, 10)
    starts(missed, 1)
    beat(missed, 2, 15)
    beat(missed, 4, 15)
    assert missed.total == 4


def test_an_event_that_a_heartbeat_overtook_is_not_missed():
    missed = Missed()
    beat(missed, 0, 10)
    beat(missed, 2, 12)
    assert missed.total == 0
    starts(missed, 1.8, 1.9)
    beat(missed, 4, 12)
    assert missed.total == 0


def test_an_event_that_comes_very_late_is_missed_no_more():
    missed = Missed()
    beat(missed, 0, 10)
    for at in (2, 4, 6):
        beat(missed, at, 11)
    assert missed.total == 1
    starts(missed, 1)
    assert missed.total == 0


def test_a_heartbeat_that_comes_twice_or_late_changes_nothing():
    missed = Missed()
    beat(missed, 0, 10)
    starts(missed, 1)
    for at, processed in ((2, 11), (2, 11), (0, 10), (4, 11), (2, 11)):
        beat(missed, at, processed)
    assert missed.total == 0


def test_a_camera_goes_on_where_the_last_one_ended():
    missed = Missed()
    missed.begin("celery@one", 7, Told(100, NOW))
    beat(missed, 30, 110)
    starts(missed, 31)
    assert not list(missed.gaps())  # what a heartbeat overtook may still come
    beat(missed, 32, 111)
    (gap,) = missed.gaps()
    assert (gap.hostname, gap.started, missed.total) == ("celery@one", 10, 0)
    gap.recorded = 2
    assert missed.total == 8
    beat(missed, 34, 111)
    assert missed.total == 8
    gap.settled = True
    assert not list(missed.gaps())


def test_what_one_camera_missed_and_another_recorded_is_not_missed():
    missed = Missed()
    missed.begin("celery@one", 7, Told(100, NOW))
    for at in (30, 32):
        beat(missed, at, 110)
    (gap,) = missed.gaps()
    gap.recorded = 10
    assert missed.total == 0


def test_what_waited_in_a_queue_is_no_news_of_what_is_recorded():
    missed = Missed()
    missed.begin("celery@one", 7, Told(100, NOW))
    for at, processed in ((-4, 96), (-2, 98), (0, 100), (2, 100), (4, 100)):
        beat(missed, at, processed)
    assert not list(missed.gaps())
    assert missed.total == 0


def test_a_process_that_began_while_nobody_looked_is_missed_from_its_first_task():
    missed = Missed()
    missed.begin("celery@one", 7, Told(100, NOW))
    beat(missed, 30, 5, pid=8)
    beat(missed, 32, 5, pid=8)
    (gap,) = missed.gaps()
    assert (gap.started, gap.since.at) == (5, NOW)


def test_a_worker_that_is_seen_for_the_first_time_has_missed_nothing():
    missed = Missed()
    beat(missed, 0, 1_000)
    beat(missed, 2, 1_000)
    assert missed.total == 0


def test_hostile_events_are_borne():
    missed = Missed()
    for each in (None, [], *hostile_dicts(2_000)):
        missed.notice(each)
    assert missed.total >= 0
