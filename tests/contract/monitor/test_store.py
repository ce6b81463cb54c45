"""Writing: few statements, no neighbour lost with a bad row, nothing lost with the database away."""

import logging
import threading

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from djtaskq_monitor.models import TaskState, WorkerState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from tests.monitoring import NOW, event, heartbeat, hostile_dicts, success


def recorded(told, recorder=None):
    recorder = recorder or Recorder(100_000, clock=lambda: NOW)
    for each in told:
        recorder.take(each)
    return recorder


def states():
    return dict(TaskState.objects.values_list("task_id", "state"))


def test_a_write_is_fewer_than_three_statements_for_a_thousand_tasks(database):
    told = [each for number in range(5_000) for each in success(f"t{number}")]
    for part in (told[::2], told[1::2]):  # new, then known
        recorder = recorded([*part, heartbeat(0)])
        with CaptureQueriesContext(connections[database]) as statements:
            store.write(recorder.swap(), using=database)
        # One of workers, one that reads, five that write (SQLite: more, and its lock), one that counts.
        asked = [each for each in statements if each["sql"] not in {"BEGIN", "COMMIT"}]
        assert len(asked) <= (8 if database != "sqlite" else 12)
    assert TaskState.objects.count() == 5_000


def test_every_task_s_worker_has_a_row(database):
    store.write(recorded(success("t", worker="w@h")).swap(), using=database)
    assert TaskState.objects.get(worker__hostname="w@h").worker == WorkerState.objects.get()


@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_row_that_the_database_refuses_is_set_aside_and_its_batch_goes_on(database, count, caplog):
    recorder = recorded(each for number in range(count) for each in success(f"t{number}"))
    pending = recorder.swap()
    for poisoned in {"t0", f"t{count // 2}"}:
        pending.tasks[poisoned]["name"] = "n" * 300 if database != "sqlite" else "\ud800"
    left, set_aside = store.write(pending, using=database)
    assert not left
    assert set_aside == len({0, count // 2})
    assert TaskState.objects.count() == count - set_aside
    assert caplog.text.count("is set aside") == set_aside


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_text_that_a_table_of_old_cannot_hold_costs_its_own_row_only(database, caplog):
    table = TaskState._meta.db_table
    recorder = recorded([*success("good"), *success("bad", result="😀"), *success("other")])
    with connections[database].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} MODIFY result longtext CHARACTER SET utf8mb3 NULL")
        try:
            left, set_aside = store.write(recorder.swap(), using=database)
        finally:
            cursor.execute(f"ALTER TABLE {table} MODIFY result longtext CHARACTER SET utf8mb4 NULL")
    assert (len(left), set_aside) == (0, 1), caplog.text
    assert states() == {"good": "SUCCESS", "other": "SUCCESS"}


def test_hostile_events_among_good_ones_cost_none_of_them(database, caplog):
    told = list(hostile_dicts(3_000))
    good = [f"good-{number}" for number in range(300)]
    for number, task_id in enumerate(good):
        told[number * 10 : number * 10] = success(task_id)
    left, set_aside = store.write(recorded(told).swap(), using=database)
    assert (len(left), set_aside) == (0, 0), caplog.text
    assert {states()[task_id] for task_id in good} == {"SUCCESS"}


def test_rows_that_could_not_be_written_are_merged_with_what_came_meanwhile(database, caplog):
    told = success("t")
    recorder = recorded(told[:3])
    table = TaskState._meta.db_table
    _rename(database, table, "elsewhere")
    try:
        left, set_aside = store.write(recorder.swap(), using=database)
    finally:
        _rename(database, "elsewhere", table)
    assert (len(left.tasks), set_aside) == (1, 0)
    assert "wait for the next write" in caplog.text
    recorded(told[3:], recorder)
    recorder.put_back(left)
    left, _ = store.write(recorder.swap(), using=database)
    assert not left
    assert states() == {"t": "SUCCESS"}
    assert TaskState.objects.get().started


def _rename(database, table, name):
    with connections[database].schema_editor() as editor:
        editor.alter_db_table(TaskState, table, name)


def test_two_cameras_that_write_the_same_tasks_at_once_never_stop_each_other(database, caplog):
    caplog.set_level(logging.WARNING)
    told = [each for number in range(200) for each in success(f"t{number}")]
    recorders = [recorded(told), recorded(reversed(told))]

    def write(recorder):
        try:
            for _ in range(5):
                pending = recorder.swap()
                left, _set_aside = store.write(pending, using=database)
                recorder.put_back(left or pending)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=[recorder]) for recorder in recorders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(states().values()) == {"SUCCESS"}
    assert len(states()) == 200
    assert not caplog.records


def test_a_name_of_3000_characters_does_not_cost_the_row(database):
    told = [each | ({"name": "ü" * 3_000} if "name" in each else {}) for each in success("t")]
    assert store.write(recorded(told).swap(), using=database)[1] == 0
    assert states() == {"t": "SUCCESS"}


def test_texts_beyond_a_server_s_packet_are_written_in_several_statements(database):
    told = [
        event("task-failed", 0, uuid=f"t{number}", exception="x" * 10_000, traceback="y" * 60_000)
        for number in range(300)
    ]
    left, set_aside = store.write(recorded(told).swap(), using=database)
    assert (len(left), set_aside) == (0, 0)
    assert TaskState.objects.count() == 300
