"""Real beats on real servers: what is due runs, an edit is seen, a kill or an outage loses nothing."""

import datetime as dt
import itertools
import signal
import time
from collections import Counter

from django_celery_beat.models import PeriodicTask

from djtaskq.db.clock import now
from djtaskq_beat.models import NextRun, TaskRun
from tests.integration.beat.conftest import APP, miss_no_slot
from tests.waiting import eventually


def published():
    return TaskRun.objects.filter(state="published")


def test_a_beat_runs_what_is_due_on_every_database(database, start_beat, every_second, take):
    (task,) = every_second()
    beat = start_beat()
    eventually(lambda: published().count() >= 2)
    assert beat.stop() == 0
    messages = take()
    assert {message["id"] for message in messages} == {
        str(task_id) for task_id in published().values_list("task_id", flat=True)
    }
    task.refresh_from_db()
    assert task.total_run_count == len(messages)
    assert "Traceback" not in beat.output


def test_an_edit_is_seen_within_a_second(database, start_beat, every_second):
    start_beat()
    tasks = every_second(1)
    eventually(lambda: published().exists())
    for _ in range(3):
        started = time.monotonic()
        tasks[0].save()
        eventually(lambda: NextRun.objects.get(pk=tasks[0].pk).changed_at is None, timeout=2)
        assert time.monotonic() - started < 1
    tasks[0].enabled = False
    tasks[0].save()
    eventually(lambda: NextRun.objects.get(pk=tasks[0].pk).run_at is None, timeout=1)


def test_two_beats_send_each_slot_once(database, start_beat, every_second, take):
    miss_no_slot(every_second(10))
    beats = [start_beat(), start_beat()]
    eventually(lambda: published().count() >= 50, timeout=20)
    for beat in beats:
        assert beat.stop() == 0
    slots = Counter((message["periodic_task_name"], message["djtaskq_slot"]) for message in take())
    assert len(slots) >= 50
    assert set(slots.values()) == {1}
    assert not TaskRun.objects.exclude(state="published").exists()


def test_what_a_killed_beat_had_claimed_goes_out_under_the_same_id(database, start_beat, every_second, take):
    every_second()
    victim = start_beat(BEAT_DIES_BEFORE_PUBLISHING="1")
    assert victim.wait() == -signal.SIGKILL
    # A beat that was slow to start may have claimed two.
    left = set(TaskRun.objects.filter(state="claimed").values_list("task_id", flat=True))
    assert left
    PeriodicTask.objects.update(enabled=False)
    NextRun.objects.mark_changed()
    assert take() == []
    start_beat()
    sent = []
    eventually(lambda: sent.extend(take()) or len(sent) >= len(left))
    assert sorted(message["id"] for message in sent) == sorted(map(str, left))
    eventually(lambda: not TaskRun.objects.filter(state="claimed").exists())


def test_a_broker_that_was_away_loses_no_run(database, start_beat, every_second, redis_server):
    (task,) = every_second()
    beat = start_beat(broker=redis_server.url)
    eventually(lambda: published().count() >= 1)
    redis_server.stop()
    beat.wait_for("The broker cannot be reached")
    before = published().count()
    task.refresh_from_db()
    assert task.total_run_count == before
    eventually(lambda: now(database) - NextRun.objects.get(pk=task.pk).slot > dt.timedelta(seconds=2))
    redis_server.start()
    beat.wait_for("The broker is back")
    eventually(lambda: published().count() > before)
    eventually(lambda: not TaskRun.objects.filter(state="claimed").exists())
    assert beat.output.count("The broker cannot be reached") == 1
    assert beat.stop() == 0
    history = [(run.slot, run.through or run.slot) for run in TaskRun.objects.order_by("slot")]
    second = dt.timedelta(seconds=1)
    assert all(start == end + second for (_, end), (start, _) in itertools.pairwise(history))


def test_a_database_that_was_away_is_said_once_and_beat_goes_on(
    transactional_db, private_server, start_beat, every_second, processes, redis_url
):
    server = private_server("postgresql")
    environment = {"DJTASKQ_TEST_POSTGRESQL": f"{server.url}/postgres", "DJTASKQ_TEST_DATABASE": "default"}
    processes.manage("migrate", "-v0", environment=environment).wait(60)
    beat = start_beat(**environment)
    beat.wait_for("beat: Starting")
    server.stop()
    beat.wait_for("the database cannot be reached")
    server.start()
    beat.wait_for("The database is back")
    assert beat.output.count("the database cannot be reached") == 1
    assert "Traceback" not in beat.output
    assert beat.stop() == 0


def test_a_worker_with_a_beat_inside_runs_what_is_due(database, processes, redis_url, every_second):
    every_second()
    worker = processes.worker(
        APP, "-B", "--scheduler=djtaskq", environment={"DJTASKQ_TEST_BROKER_URL": redis_url}
    )
    worker.wait_for("succeeded in")
    PeriodicTask.objects.update(enabled=False)
    eventually(lambda: NextRun.objects.get().run_at is None)
    # A pool that is stopped while results are on their way waits for them half a minute.
    worker.wait_for(lambda: worker.output.count("succeeded in") == published().count())
    assert worker.stop() == 0


def test_the_banner_asks_nothing_of_the_database(processes, redis_url):
    environment = {
        "DJTASKQ_TEST_BROKER_URL": redis_url,
        "DJTASKQ_TEST_POSTGRESQL": "postgresql://127.0.0.1:1/none",
    }
    beat = processes.beat(APP, "-S", "djtaskq", environment=environment)
    beat.wait_for("the database cannot be reached")
    assert beat.running
    assert beat.stop() == 0


def test_rabbitmq_away_loses_no_run(transactional_db, start_beat, every_second, rabbitmq_server):
    every_second()
    beat = start_beat(broker=rabbitmq_server.url)
    eventually(lambda: published().count() >= 1)
    rabbitmq_server.stop()
    beat.wait_for("The broker cannot be reached")
    before = published().count()
    rabbitmq_server.start()
    beat.wait_for("The broker is back", timeout=60)
    eventually(lambda: published().count() > before)
    eventually(lambda: not TaskRun.objects.filter(state="claimed").exists())
    assert beat.stop() == 0
    assert "Traceback" not in beat.output
