"""What Prometheus reads: the families and labels of Flower and celery-exporter, out of the database."""

import re
import time

import pytest
from celery import Celery, current_app
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djtaskq import vitals
from djtaskq.vitals import Level, Vital
from djtaskq_monitor.metrics.views import exposition
from djtaskq_monitor.models import QueueState, TaskCounter, TaskStatistics, WorkerState
from djtaskq_monitor.statistics import shown
from djtaskq_monitor.statistics.shown import Shown
from tests.contract.monitor.test_statistics import fold_all, write
from tests.monitoring import event, heartbeat, message, retried, success, timed_out

SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ONE = "celery@one"


def samples(text=None):
    """Each sample by its name and its labels, every line of them read."""
    found = {}
    for line in (exposition() if text is None else text).splitlines():
        if not line.startswith("#"):
            name, labelled, value = SAMPLE.fullmatch(line).groups()
            key = (name, *sorted(LABEL.findall(labelled or "")))
            assert key not in found, line
            found[key] = float(value)
    return found


def value(metric, found=None, /, **labelled):
    return (samples() if found is None else found).get((metric, *sorted(labelled.items())))


def task(name="proj.tasks.add", queue="celery", **more):
    return {"name": name, "hostname": "generic", "queue_name": queue, **more}


@pytest.fixture(autouse=True)
def default_queue():
    """An app whose default queue is Celery's own, whichever was the current one."""
    before = current_app._get_current_object()
    Celery("metrics").set_current()
    yield
    before.set_current()


@pytest.fixture
def counted(database):
    """Four tasks and a worker, as a camera wrote them."""
    write([*success("a"), *success("b"), *retried("c"), *timed_out("d"), heartbeat(5)], database)
    fold_all(database)
    WorkerState.objects.update(last_heartbeat=timezone.now(), queues="celery\nslow")


def test_the_families_of_celery_exporter(counted):
    QueueState.objects.create(name="celery", length=7, consumers=2)
    found = samples()
    states = {
        "sent": 4,
        "received": 5,
        "started": 5,
        "succeeded": 3,
        "retried": 1,
        "revoked": 0,
        "rejected": 0,
    }
    for state, count in states.items():
        assert value(f"celery_task_{state}_total", found, **task()) == count
    assert value("celery_task_failed_total", found, **task(exception="TimeLimitExceeded")) == 1
    assert value("celery_task_failed_total", found, **task(exception="")) == 0
    assert value("celery_task_runtime_sum", found, **task()) == pytest.approx(1.6)
    assert value("celery_task_runtime_bucket", found, **task(le="0.5")) == 1
    assert value("celery_task_runtime_bucket", found, **task(le="+Inf")) == 3
    assert value("celery_task_runtime_count", found, **task()) == 3
    assert value("celery_task_queue_wait_time_count", found, **task()) == 3
    assert value("celery_worker_up", found, hostname=ONE) == 1
    assert value("celery_worker_tasks_active", found, hostname=ONE) == 1
    assert value("celery_queue_length", found, queue_name="celery") == 7
    assert value("celery_active_consumer_count", found, queue_name="celery") == 2
    assert value("celery_active_worker_count", found, queue_name="celery") == 1


def test_the_families_of_flower(counted, database):
    write([event("task-received", 6, **message("held")), *prefetched("runs")], database)
    found = samples()
    labelled = {"worker": ONE, "task": "proj.tasks.add"}
    types = {
        "received": 5,
        "started": 5,
        "succeeded": 3,
        "failed": 1,
        "retried": 1,
        "revoked": 0,
        "rejected": 0,
    }
    for state, count in types.items():
        assert value("flower_events_total", found, type=f"task-{state}", **labelled) == count
    assert value("flower_events_total", found, type="task-sent", worker="", task="proj.tasks.add") == 4
    assert value("flower_task_runtime_seconds_count", found, **labelled) == 3
    assert value("flower_task_runtime_seconds_bucket", found, le="0.75", **labelled) == 3
    assert value("flower_worker_online", found, worker=ONE) == 1
    assert value("flower_worker_number_of_currently_executing_tasks", found, worker=ONE) == 1
    assert value("flower_worker_prefetched_tasks", found, **labelled) == 1
    assert value("flower_task_prefetch_time_seconds", found, **labelled) == pytest.approx(2.5)


def prefetched(task_id):
    """A task that waited in its worker for two seconds and a half, and runs."""
    return [event("task-received", 6, **message(task_id)), event("task-started", 8.5, uuid=task_id)]


def test_counters_do_not_fall_when_rows_grow_old(counted):
    before = samples()
    TaskStatistics.objects.all().delete()
    after = samples()
    assert {key: count for key, count in before.items() if "_total" in key[0]} == {
        key: count for key, count in after.items() if "_total" in key[0]
    }


def test_workers_that_are_gone_are_told_of_for_a_while_and_then_leave(counted, settings):
    WorkerState.objects.update(last_heartbeat=timezone.now() - timezone.timedelta(seconds=100))
    found = samples()
    assert value("celery_worker_up", found, hostname=ONE) == 0
    assert value("flower_worker_online", found, worker=ONE) == 0
    assert value("flower_worker_number_of_currently_executing_tasks", found, worker=ONE) == 0
    settings.DJTASKQ = {"MONITOR_METRICS_GONE": 50}
    assert not [key for key in samples() if ("worker", ONE) in key or ("hostname", ONE) in key]
    assert value("celery_task_succeeded_total", **task()) == 3


def test_our_own_families_tell_what_registered(database, monkeypatch):
    since = timezone.now() - timezone.timedelta(seconds=30)
    known = [
        Vital(name="beats", label="", level=Level.WARNING, said="", value=2, since=since),
        Vital(name="other", label="", level=Level.UNUSED, said=""),
    ]
    monkeypatch.setattr(vitals, "_readers", {"test": (0, lambda: known)})
    found = samples()
    assert value("djtaskq_vital_level", found, name="beats") == 2
    assert value("djtaskq_vital", found, name="beats") == 2
    assert value("djtaskq_vital_age_seconds", found, name="beats") == pytest.approx(30, abs=5)
    assert value("djtaskq_vital", found, name="other") is None


def test_names_are_whatever_workers_say(database):
    hostile = 'a"} 1\nevil 2 \\'
    write([event("task-received", 0, **{**message("a"), "name": hostile})], database)
    fold_all(database)
    escaped = TaskCounter.objects.filter(kind="queue").get().name
    escaped = escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert value("celery_task_received_total", **task(name=escaped)) == 1
    assert not [key for key in samples() if key[0] == "evil"]


def test_what_is_not_known_counts_for_the_default_queue(database):
    write([success("a")[1], *success("b")], database)
    fold_all(database)
    assert value("celery_task_received_total", **task()) == 2


def scale(names=200, workers=50, queues=20):
    """As many counters as metrics may have: every worker runs every task."""
    now = timezone.now()
    full = Shown([9] * 9, 10**7, 10**7, list(range(15)), list(range(15)))
    rows = [("queue", f"proj.t{n}", f"q{n % queues}", "") for n in range(names)]
    rows += [("exception", f"proj.t{n}", f"q{n % queues}", "KeyError") for n in range(names)]
    pairs = [("worker", f"proj.t{n}", f"celery@w{w}", "") for w in range(workers) for n in range(names)]
    TaskCounter.objects.bulk_create(
        TaskCounter(
            digest=str(number), kind=kind, name=name, label=label, exception=exception,
            shown=shown.write(full), at=now,
        )
        for number, (kind, name, label, exception) in enumerate([*rows, *pairs[:2_000]])
    )  # fmt: skip
    WorkerState.objects.bulk_create(
        WorkerState(hostname=f"celery@w{number}", last_heartbeat=now, queues="q1")
        for number in range(workers)
    )
    QueueState.objects.bulk_create(QueueState(name=f"q{number}", length=number) for number in range(queues))


def test_metrics_at_their_largest_take_few_statements_and_little_time(database):
    scale()
    exposition()
    began = time.process_time()
    with CaptureQueriesContext(connections[database]) as captured:
        text = exposition()
    # Of this process alone, so that whoever else is busy does not count.
    assert time.process_time() - began < 1
    assert len(captured) <= 30
    assert len(samples(text)) > 40_000
