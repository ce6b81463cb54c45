"""Taking events: whatever comes, from whichever thread, counted and never lost."""

import threading

from djtaskq_monitor.recording import silence as memory
from djtaskq_monitor.recording.recorder import Recorder
from tests.monitoring import NOW, event, heartbeat, hostile_dicts, success


def recorder(limit=1_000):
    return Recorder(limit, clock=lambda: NOW)


def test_events_of_one_task_are_one_row():
    taken = recorder()
    for each in success("t"):
        taken.take(each)
    pending = taken.swap()
    assert pending.tasks["t"]["state"] == "SUCCESS"
    assert list(pending.workers) == ["celery@one"]
    assert taken.waiting == 0


def test_what_could_not_be_written_is_merged_with_what_came_since():
    taken, told = recorder(), success("t")
    taken.take(told[3])
    unwritten = taken.swap()
    for each in told[:3]:
        taken.take(each)
    taken.put_back(unwritten)
    row = taken.swap().tasks["t"]
    assert (row["state"], row["name"]) == ("SUCCESS", "proj.tasks.add")


def started(*task_ids):
    return [event("task-started", 0, uuid=task_id) for task_id in task_ids]


def succeeded(task_id, result="1"):
    return event("task-succeeded", 1, uuid=task_id, result=result, runtime=1.0)


def take(taken, *told):
    for each in told:
        taken.take(each)


def states(pending):
    return {key: row["state"] for key, row in pending.tasks.items()}


def test_beyond_the_limit_the_oldest_that_has_not_ended_goes():
    taken = recorder(limit=2)
    take(taken, *started("a", "b"))
    assert taken.room == 0
    take(taken, succeeded("a"), *started("c"), succeeded("d"))
    assert states(taken.swap()) == {"a": "SUCCESS", "d": "SUCCESS"}
    assert taken.dropped == 2


def test_a_final_state_is_kept_where_every_task_has_ended():
    taken = recorder(limit=2)
    take(taken, *success("a"), *success("b"), succeeded("c"), succeeded("d"))
    take(taken, *started("e"))  # it has not ended: there is no room for it
    rows = taken.swap().tasks
    assert {row["state"] for row in rows.values()} == {"SUCCESS"}
    assert list(rows) == ["a", "b", "c", "d"]
    assert [row.get("result") for row in rows.values()] == [None, None, "1", "1"]
    assert rows["a"]["name"] == "proj.tasks.add"
    assert {"args", "result_key"} & rows["a"].keys() == set()
    assert taken.dropped == 3


def test_memory_has_an_end():
    taken = recorder(limit=2)
    take(taken, *(succeeded(f"t{number}") for number in range(20)))
    assert len(taken.swap().tasks) == 8
    assert taken.dropped == 18


def test_what_is_just_being_written_takes_room_too():
    taken = recorder(limit=2)
    take(taken, *started("a", "b"))
    unwritten = taken.swap()
    take(taken, *started("c"), succeeded("d"))
    assert taken.dropped == 2  # one was not taken, the other has lost its result
    taken.put_back(unwritten)
    assert states(taken.swap()) == {"a": "STARTED", "b": "STARTED", "d": "SUCCESS"}


def test_the_oldest_tasks_are_taken_first_and_those_that_change_again_come_last():
    taken = recorder()
    take(taken, *started("a", "b", "c"))
    assert list(taken.swap(2).tasks) == ["a", "b"]
    taken.put_back(type(taken.swap(0))())
    take(taken, succeeded("a"))
    assert list(taken.swap(2).tasks) == ["c", "a"]
    assert not taken.swap()


def test_hostile_events_are_counted_by_reason_and_cost_no_good_one():
    taken = recorder(limit=100_000)
    for each in hostile_dicts(5_000):
        taken.take(each)
    for number in range(100):
        for each in success(f"good-{number}"):
            taken.take(each)
    assert taken.received == 5_400
    assert taken.rejected.keys() <= {"not an event", "no type", "unknown type", "no hostname", "no task id"}
    rows = taken.swap().tasks
    assert all(rows[f"good-{number}"]["state"] == "SUCCESS" for number in range(100))


def test_threads_that_take_and_swap_at_once_lose_nothing():
    taken, found = recorder(limit=100_000), []

    def take(part):
        for number in range(500):
            for each in success(f"{part}-{number}"):
                taken.take(each)

    threads = [threading.Thread(target=take, args=[part]) for part in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found.append(taken.swap())
    found.append(taken.swap())
    whole = recorder()
    for pending in found:
        whole.put_back(pending)
    rows = whole.swap().tasks
    assert len(rows) == 1_500
    assert {row["state"] for row in rows.values()} == {"SUCCESS"}


def test_a_worker_is_told_to_send_events_until_it_does(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])
    silence = memory.Silence()
    silence.notice(heartbeat(0, "w@h", kind="worker-online"))
    assert silence.to_be_told() == ["w@h"]
    assert silence.to_be_told() == []
    now[0] += 1
    assert silence.to_be_told() == ["w@h"]
    silence.notice(event("task-started", 0, uuid="t", hostname="w@h"))
    now[0] += 100
    assert silence.to_be_told() == []


def test_a_worker_that_starts_anew_is_told_at_once():
    silence = memory.Silence()
    silence.notice(heartbeat(0, "w@h", kind="worker-online"))
    silence.to_be_told()
    silence.notice(heartbeat(0, "w@h", kind="worker-online"))
    assert silence.to_be_told() == ["w@h"]


def test_a_worker_that_said_goodbye_is_told_nothing():
    silence = memory.Silence()
    silence.notice(heartbeat(0, "w@h"))
    silence.notice(heartbeat(1, "w@h", kind="worker-offline"))
    assert silence.to_be_told() == []


def test_junk_makes_no_worker_silent():
    silence = memory.Silence()
    for each in (None, [], {"type": 1}, {"type": "worker-online"}, {"type": "worker-online", "hostname": {}}):
        silence.notice(each)
    assert silence.to_be_told() == []
