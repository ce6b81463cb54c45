"""The laws of merging: whatever the order, the repetition and the way, the row is the same."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq_monitor.recording import events, merge
from tests.laws import law, takes_long
from tests.monitoring import (
    NOW,
    event,
    heartbeat,
    message,
    retried,
    success,
    task_events,
    timed_out,
    worker_events,
)

pytestmark = takes_long


def changes_of(told, arrived=NOW):
    """The changes of tasks and of workers that these events are."""
    readings = [events.read(each, arrived) for each in told]
    tasks = [reading.task for reading in readings if reading.task]
    workers = [reading.worker for reading in readings if reading.worker]
    return tasks, workers


def merged(rules, changes):
    rows = {}
    for change in copy.deepcopy(changes):
        key = change[rules.key]
        if key in rows:
            rules.merge(rows[key], change)
        else:
            rows[key] = change
    return without_unknowns(rows)


def without_unknowns(rows):
    """A column that is not known yet is no different from one that is missing."""
    return {
        key: {name: value for name, value in row.items() if value is not None} for key, row in rows.items()
    }


def task_row(told):
    rows = merged(merge.TASK, changes_of(told)[0])
    assert len(rows) == 1
    return next(iter(rows.values()))


def state(told):
    return task_row(told)["state"]


@law
@given(st.lists(task_events(), max_size=12), st.randoms())
def test_the_order_of_events_makes_no_difference_to_a_task(told, rng):
    shuffled = rng.sample(told, len(told))
    assert merged(merge.TASK, changes_of(shuffled)[0]) == merged(merge.TASK, changes_of(told)[0])


@law
@given(st.lists(task_events(), max_size=12), st.data())
def test_an_event_that_comes_again_makes_no_difference(told, data):
    again = data.draw(st.lists(st.sampled_from(told), max_size=12)) if told else []
    assert merged(merge.TASK, changes_of(told + again)[0]) == merged(merge.TASK, changes_of(told)[0])


@law
@given(st.lists(task_events(), max_size=12), st.data())
def test_events_split_among_cameras_merge_into_the_same_row(told, data):
    cameras = [[], [], []]
    for each in changes_of(told)[0]:
        for camera in data.draw(st.sets(st.integers(0, 2), min_size=1)):
            cameras[camera].append(each)
    rows = [row for camera in cameras for row in merged(merge.TASK, camera).values()]
    rows = data.draw(st.permutations(rows))
    assert merged(merge.TASK, rows) == merged(merge.TASK, changes_of(told)[0])


@law
@given(st.lists(task_events(), max_size=12), st.lists(st.floats(0, 3_600), min_size=12, max_size=12))
def test_events_that_are_held_up_make_no_difference_to_a_task(told, delays):
    late = sorted(zip(delays, range(len(told)), strict=False))
    changes = [events.read(told[number], NOW + delay).task for delay, number in late]
    assert merged(merge.TASK, changes) == merged(merge.TASK, changes_of(told)[0])


@law
@given(st.lists(worker_events(), max_size=12), st.randoms(), st.data())
def test_the_same_laws_hold_for_workers(told, rng, data):
    expected = merged(merge.WORKER, changes_of(told)[1])
    again = data.draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    assert merged(merge.WORKER, changes_of(rng.sample(told + again, len(told + again)))[1]) == expected
    half = rng.randint(0, len(told))
    parts = [
        row
        for part in (told[half:], told[:half])
        for row in merged(merge.WORKER, changes_of(part)[1]).values()
    ]
    assert merged(merge.WORKER, parts) == expected


@law
@given(st.lists(task_events(task_ids=("t1",)), min_size=1, max_size=12), st.randoms())
def test_a_task_that_reached_a_final_state_never_leaves_the_final_states(told, rng):
    final = {"SUCCESS", "FAILURE", "REVOKED"}
    rng.shuffle(told)
    states = [state(told[: count + 1]) for count in range(len(told))]
    reached = [each in final for each in states]
    assert reached == sorted(reached)


@law
@given(st.lists(task_events(task_ids=("t1",)), min_size=1, max_size=12))
def test_what_some_event_knew_is_known(told):
    row = task_row(told)
    for change in changes_of(told)[0]:
        for column in ("name", "root_id", "parent_id", "result", "worker", *merge.TASK.latest):
            assert change.get(column) is None or row[column] is not None


@law
@given(st.randoms())
def test_a_retried_task_ends_as_its_last_attempt_did_in_whatever_order(rng):
    told = retried("t")
    rng.shuffle(told)
    row = task_row(told)
    assert row["state"] == "SUCCESS"
    assert row["retries"] == 1
    assert row["result"] == "5"
    assert row["exception"] == "ValueError('no')"


def test_a_retry_advances_through_its_second_attempt():
    told = retried("t")
    assert [state(told[: count + 1]) for count in range(len(told))] == [
        "PENDING",
        "RECEIVED",
        "STARTED",
        "STARTED",
        "RECEIVED",
        "RETRY",
        "STARTED",
        "SUCCESS",
    ]


def test_a_late_started_never_replaces_success():
    told = success("t")
    assert state([told[3], told[2], told[1], told[0]]) == "SUCCESS"


def test_a_message_delivered_twice_leaves_the_task_as_it_ended():
    again = [event("task-received", 60, **message("t")), event("task-started", 61, uuid="t")]
    assert state(success("t") + again) == "SUCCESS"


def test_a_task_id_that_is_used_again_ends_as_its_last_run():
    assert state([*success("t"), event("task-failed", 90, uuid="t", exception="ValueError()")]) == "FAILURE"
    assert state([event("task-failed", -90, uuid="t", exception="ValueError()"), *success("t")]) == "SUCCESS"


@pytest.mark.parametrize("ahead", [0, 30])
def test_a_client_s_clock_never_hides_what_a_worker_said(ahead):
    sent, received, started, _ = success("t")
    sent["timestamp"] += ahead
    assert state([received, started, sent]) == "STARTED"


def test_a_task_without_a_name_is_kept_and_named_when_the_name_comes():
    told = success("t")
    row = task_row(told[2:])
    assert row["state"] == "SUCCESS"
    assert "name" not in row
    assert task_row([*told[2:], told[1]])["name"] == "proj.tasks.add"


@law
@given(st.randoms())
def test_the_two_failures_of_a_time_limit_are_one_that_says_why(rng):
    told = timed_out("t")
    rng.shuffle(told)
    row = task_row(told)
    assert row["state"] == "FAILURE"
    assert row["exception"] == row["result"] == "TimeLimitExceeded(2)"


@pytest.mark.parametrize("placeholder_comes", ["before", "after", "with it"])
def test_the_exception_that_says_something_wins_whenever_it_was_sent(placeholder_comes):
    told = timed_out("t")
    told[2]["timestamp"] += {"before": -0.1, "after": 0.1, "with it": 0}[placeholder_comes]
    assert task_row(told)["exception"] == "TimeLimitExceeded(2)"


def test_custom_states_show_progress_and_end_with_the_task():
    told = success("t")
    progress = event("task-progress", 0.5, uuid="t", current=1)
    assert state([*told[:3], progress]) == "PROGRESS"
    assert state([*told, progress]) == "SUCCESS"
    assert state([*told[:3], progress, event("task-revoked", 0.6, uuid="t", terminated=True)]) == "REVOKED"


@pytest.mark.parametrize("subject", ["rejected", "cancelled"])
def test_rejected_and_cancelled_end_a_task_until_it_is_delivered_again(subject):
    told = success("t")
    ended = event(f"task-{subject}", 0.5, uuid="t")
    assert state([ended, *told[:3]]) == subject.upper()
    assert state([ended, *told]) == "SUCCESS"
    again = event("task-started", 9, uuid="t")
    assert state([again, ended, *told[:3]]) == "STARTED"


def test_the_second_attempt_s_arguments_take_the_place_of_the_first_s():
    first = event("task-received", 0, **message("t", args="(1,)"))
    second = event("task-received", 5, **message("t", 1, args="(2,)"))
    assert task_row([second, first])["args"] == task_row([first, second])["args"] == "(2,)"


def test_an_offline_worker_is_not_brought_back_by_a_late_heartbeat():
    told = [heartbeat(0), heartbeat(5, kind="worker-offline"), heartbeat(4)]
    row = merged(merge.WORKER, changes_of(told)[1])["celery@one"]
    assert row["offline_since"] == round((NOW + 5) * 1e6)
    back = merged(merge.WORKER, changes_of([*told, heartbeat(6, kind="worker-online")])[1])["celery@one"]
    assert "offline_since" not in back


def test_a_worker_that_finishes_tasks_after_saying_goodbye_stays_offline():
    told = [heartbeat(5, kind="worker-offline"), event("task-succeeded", 6, uuid="t", result="1", runtime=1)]
    assert "offline_since" in merged(merge.WORKER, changes_of(told)[1])["celery@one"]


def test_a_heartbeat_without_figures_leaves_those_that_are_known():
    answer = heartbeat(3, freq=5)
    for name in ("active", "processed", "loadavg"):
        del answer[name]
    row = merged(merge.WORKER, changes_of([heartbeat(1), answer])[1])["celery@one"]
    assert (row["active"], row["processed"], row["freq"]) == (1, 10, 5)
