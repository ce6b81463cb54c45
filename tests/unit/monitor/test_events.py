"""What one event says, however it looks."""

import pytest
from hypothesis import given

from djtaskq_monitor.recording import events
from djtaskq_monitor.recording.events import Rejected
from tests.monitoring import NOW, event, heartbeat, hostile_events, message

MICRO = 1_000_000


def task(kind="task-received", at=0.0, **fields):
    return events.read(event(kind, at, **{**message("t"), **fields}), NOW).task


@given(hostile_events)
def test_no_event_makes_it_raise(told):
    reading = events.read(told, NOW)
    assert isinstance(reading, Rejected) or reading is not None


@given(hostile_events)
def test_whatever_it_lets_through_can_be_stored(told):
    reading = events.read(told, NOW)
    if isinstance(reading, Rejected):
        assert reading.reason
        return
    for change in (reading.task, reading.worker):
        for value in (change or {}).values():
            if isinstance(value, str):
                assert value.encode()
                assert "\x00" not in value
                assert len(value) <= events.TRACEBACK_LENGTH
            elif isinstance(value, int):
                assert -1 <= value < 1 << 63


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (None, "not an event"),
        ([], "not an event"),
        ({}, "no type"),
        ({"type": 7}, "no type"),
        ({"type": "beat-tick", "hostname": "w"}, "unknown type"),
        ({"type": "task-started", "uuid": "t"}, "no hostname"),
        ({"type": "task-started", "hostname": "w"}, "no task id"),
        ({"type": "task-started", "hostname": "w", "uuid": "x" * 256}, "no task id"),
        ({"type": "task-started", "hostname": "w", "uuid": "a\x00b"}, "no task id"),
        ({"type": "worker-heartbeat", "hostname": ["w"]}, "no hostname"),
    ],
)
def test_an_event_that_names_nobody_is_rejected_with_the_reason(told, reason):
    assert events.read(told, NOW) == Rejected(reason)


@pytest.mark.parametrize(
    "timestamp", [None, "soon", True, -1, 0, 1e300, float("nan"), NOW * 1000, NOW + 90_000]
)
def test_a_time_that_cannot_be_is_the_time_of_arrival(timestamp):
    assert task(timestamp=timestamp)["received"] == round(NOW * MICRO)


@pytest.mark.parametrize("offset", [-5, 0, 5.5])
def test_the_sender_s_time_zone_moves_nothing(offset):
    assert task(at=-3, utcoffset=offset)["received"] == round((NOW - 3) * MICRO)


def test_a_clock_is_not_needed():
    told = event("task-started", 0, uuid="t")
    del told["clock"]
    assert events.read(told, NOW).task["state"] == "STARTED"


def test_a_name_of_3000_characters_is_cut_and_costs_nothing_else():
    read = task(name="n" * 3_000)
    assert len(read["name"]) == events.NAME_LENGTH
    assert read["name"].endswith("…")
    assert read["args"] == "(2, 3)"


def test_what_is_no_text_is_kept_in_a_short_form():
    assert task(args=[1, 2], kwargs={"a": 1})["args"] == "[1, 2]"


def test_nul_and_broken_unicode_are_replaced_visibly():
    assert task(args="a\x00b\ud800")["args"] == "a�b�"


def test_eta_is_an_instant_whatever_its_zone():
    with_zone = task(eta="2026-11-20T12:00:00+02:00")["eta"]
    assert with_zone == task(eta="2026-11-20T10:00:00")["eta"] == 1_795_168_800 * MICRO


@pytest.mark.parametrize("eta", ["never", "0001-01-01T00:00:00", "9999-12-31T23:59:59", 5, ["x"]])
def test_an_eta_that_no_database_holds_is_none(eta):
    assert task(eta=eta)["eta"] is None


def test_an_empty_result_is_a_result():
    assert task("task-succeeded", result="")["result"] == ""


def test_a_task_s_event_is_a_sign_of_its_worker_s_life():
    reading = events.read(event("task-started", 0, uuid="t"), NOW + 2)
    assert reading.worker == {
        "hostname": "celery@one",
        "last_heartbeat": round((NOW + 2) * MICRO),
        "first_seen": round((NOW + 2) * MICRO),
    }


def test_a_client_is_no_worker():
    reading = events.read(event("task-sent", 0, **message("t"), queue="high"), NOW)
    assert reading.worker is None
    assert (reading.task["client"], reading.task["queue"]) == ("gen77@web", "high")
    assert "worker" not in reading.task


def test_a_worker_s_clock_is_told_beside_ours():
    assert events.read(heartbeat(-7), NOW).worker["clock_drift"] == pytest.approx(-7)
    assert events.read(heartbeat(-7), NOW).worker["last_heartbeat"] == round(NOW * MICRO)


def test_elections_are_nobody_s_business():
    reading = events.read(event("worker-elect", 0, id=1), NOW)
    assert (reading.task, reading.worker) == (None, None)


def test_the_traceback_names_the_exception_that_the_event_does_not():
    told = 'Traceback (most recent call last):\n  File "x", line 1\nValueError: no\n'
    read = task("task-failed", exception="ExceptionWithTraceback()", traceback=told)
    assert read["exception"] == read["result"] == "ValueError: no"
    assert read["traceback"] == told


def test_a_task_that_raises_reject_is_rejected_though_celery_says_that_it_failed():
    told = "Traceback (most recent call last):\ncelery.exceptions.Reject: ('no', False)\n"
    read = task("task-failed", exception="ExceptionWithTraceback()", traceback=told)
    assert read["state"] == "REJECTED"
    assert read["rejected"] == round(NOW * MICRO)
    assert "failed" not in read
