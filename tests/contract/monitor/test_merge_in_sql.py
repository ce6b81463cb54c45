"""The merge in SQL is the merge in Python, on every database."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djtaskq.db.fields import to_microseconds
from djtaskq_monitor.models import TaskState, WorkerState
from djtaskq_monitor.recording import events, merge
from tests.laws import law_in_sql, takes_long
from tests.monitoring import NOW, retried, success, task_events, timed_out, worker_events

INSTANTS = {"tstamp", "eta", "expires", "last_heartbeat", "first_seen", "offline_since"}
pytestmark = takes_long


def changes_of(told, part):
    read = (getattr(events.read(each, NOW), part) for each in told)
    return [change for change in read if change]


def in_python(rules, changes):
    rows = {}
    for change in copy.deepcopy(changes):
        known = rows.setdefault(change[rules.key], change)
        if known is not change:
            rules.merge(known, change)
    return rows


def in_sql(model, rules, batches, database):
    """What is in the table after each batch was merged into it."""
    model.objects.all().delete()
    for batch in batches:
        model.objects.using(database).merge(in_python(rules, batch).values())
    return {getattr(row, rules.key): row for row in model.objects.using(database)}


def columns(rules):
    return {*rules.latest, *rules.earliest, *rules.constant, *rules.registers} | {
        name for names in rules.registers.values() for name in names
    }


def same(rules, row, stored):
    for name in columns(rules):
        value = getattr(stored, "worker_id" if name == "worker" else name)
        if hasattr(value, "tzinfo"):
            value = to_microseconds(value)
        default = stored._meta.get_field(name).get_default()
        expected = row.get(name)
        assert value == (default if expected is None else expected), name
    return True


def batches_of(data, changes):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(changes)), max_size=3)))
    return [changes[start:end] for start, end in zip([0, *cuts], [*cuts, len(changes)], strict=True)]


@law_in_sql
@given(told=st.lists(task_events(), max_size=8), data=st.data())
def test_tasks_merge_in_sql_as_they_do_in_python(database, told, data):
    changes = changes_of(told, "task")
    expected = in_python(merge.TASK, changes)
    stored = in_sql(TaskState, merge.TASK, batches_of(data, changes), database)
    assert stored.keys() == expected.keys()
    assert all(same(merge.TASK, expected[key], stored[key]) for key in expected)


@law_in_sql
@given(told=st.lists(worker_events(), max_size=8), data=st.data())
def test_workers_merge_in_sql_as_they_do_in_python(database, told, data):
    changes = changes_of(told, "worker")
    expected = in_python(merge.WORKER, changes)
    stored = in_sql(WorkerState, merge.WORKER, batches_of(data, changes), database)
    assert stored.keys() == expected.keys()
    assert all(same(merge.WORKER, expected[key], stored[key]) for key in expected)


@pytest.mark.parametrize(
    "told", [success("t"), retried("t"), timed_out("t")], ids=["success", "retry", "limit"]
)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_task_s_life_one_event_at_a_time_in_either_direction(database, told, backwards):
    changes = changes_of(reversed(told) if backwards else told, "task")
    stored = in_sql(TaskState, merge.TASK, [[change] for change in changes], database)
    assert same(merge.TASK, in_python(merge.TASK, changes)["t"], stored["t"])
