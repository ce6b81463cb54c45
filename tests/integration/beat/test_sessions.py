"""What becomes of a beat's sessions: pooled away, ended in the middle of a commit, turned read-only."""

import contextlib
import itertools
from collections import Counter, defaultdict

import pytest
from django.db import connections

from djtaskq_beat.models import TaskRun
from tests.integration.beat.conftest import miss_no_slot
from tests.servers.databases import _connect
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def take_slots(take):
    """Return a function that takes the messages that came: the set of task ids by task and slot."""

    def slots():
        ids = defaultdict(set)
        for message in take():
            ids[message["periodic_task_name"], message["djtaskq_slot"]].add(message["id"])
        return ids

    return slots


def published():
    return TaskRun.objects.filter(state="published")


def no_gaps():
    """Whether every slot from the first to the last is on record; slots are a second apart."""
    history = defaultdict(list)
    for run in TaskRun.objects.order_by("slot"):
        history[run.periodic_task_id].append((run.slot, run.through or run.slot))
    return all(
        (start - end).total_seconds() == 1
        for runs in history.values()
        for (_, end), (start, _) in itertools.pairwise(runs)
    )


def test_two_beats_behind_a_pooler_send_each_slot_once(pgbouncer, start_beat, every_second, take):
    miss_no_slot(every_second(10))
    name = connections["default"].settings_dict["NAME"]
    environment = {"DJTASKQ_TEST_POSTGRESQL": f"{pgbouncer.url}/{name}"}
    beats = [start_beat(**environment), start_beat(**environment)]
    eventually(lambda: published().count() >= 40, timeout=20)
    for beat in beats:
        assert beat.stop() == 0
        assert "ERROR" not in beat.output
    slots = Counter((message["periodic_task_name"], message["djtaskq_slot"]) for message in take())
    assert set(slots.values()) == {1}
    assert not TaskRun.objects.exclude(state="published").exists()


@pytest.fixture
def beat_on_own_server(transactional_db, private_server, processes, start_beat, every_second):
    """A beat and a schedule of each second on a PostgreSQL of this test alone: the server and the beat."""
    server = private_server("postgresql")
    environment = {"DJTASKQ_TEST_POSTGRESQL": f"{server.url}/postgres", "DJTASKQ_TEST_DATABASE": "default"}
    assert processes.manage("migrate", "-v0", environment=environment).wait(60) == 0
    connection = connections["default"]
    connection.close()
    before = dict(connection.settings_dict)
    parts = {"NAME": "postgres", "PORT": server.port, "PASSWORD": server.password}
    connection.settings_dict |= parts
    every_second(3)
    beat = start_beat(**environment)
    eventually(lambda: published().count() >= 3)
    yield server, beat
    connection.close()
    connection.settings_dict |= {name: before[name] for name in parts}


def ask(server, *statements):
    """Each statement by itself, past every default that was set; returns the last one's rows."""
    with contextlib.closing(_connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_primary_that_takes_no_writes_is_said_once_and_nothing_is_sent_until_it_does(
    beat_on_own_server, take
):
    server, beat = beat_on_own_server
    ask(server, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    beat.wait_for("does not take writes")
    while take():  # what it had claimed before
        pass
    before = published().count()
    assert beat.running
    ask(server, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
    beat.wait_for("The database is back")
    eventually(lambda: published().count() > before + 3)
    assert beat.stop() == 0
    assert beat.output.count("does not take writes") == 1
    assert "Traceback" not in beat.output
    assert no_gaps()


def test_a_commit_whose_answer_was_lost_leaves_no_slot_under_two_ids(beat_on_own_server, take_slots):
    server, beat = beat_on_own_server
    # A commit that waits for a standby which does not exist is in force once its session is ended.
    ask(server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    for _ in range(8):
        eventually(lambda: ask(server, waiting))
    ask(server, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    beat.wait_for("The database is back")
    before = published().count()
    eventually(lambda: published().count() > before + 3)
    eventually(lambda: not TaskRun.objects.filter(state="claimed").exists())
    assert beat.stop() == 0
    assert "Traceback" not in beat.output
    slots = take_slots()
    assert {len(ids) for ids in slots.values()} == {1}
    sent = {(name, slot) for name, slot in slots}
    assert sent == {(run.name, run.slot.isoformat()) for run in published()}
    assert no_gaps()
