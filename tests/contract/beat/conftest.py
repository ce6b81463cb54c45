import datetime as dt
import io
import json
import threading
import time
import uuid

import pytest
from celery import Celery
from django.core.management import call_command
from django.db import connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from djtaskq import outcomes
from djtaskq.db.clock import now
from djtaskq.outcomes import Outcome
from djtaskq_beat.chores import Chores
from djtaskq_beat.dispatcher import _LOCKED_SECONDS, Dispatcher
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.publisher import Publisher
from djtaskq_beat.triggers import TRIGGERS, forget_active


@pytest.fixture
def app():
    """A Celery app of this test alone, on kombu's own broker in memory."""
    app = Celery("beat-tests", set_as_current=False)
    app.conf.update(broker_url="memory://", result_backend="disabled://", task_default_queue="beat-tests")
    with app.connection_for_write() as connection:
        connection.default_channel.queue_declare("beat-tests")
        connection.default_channel.queue_purge("beat-tests")
    return app


@pytest.fixture
def sent(app):
    """Return a function that takes all messages out of the broker: each a dictionary of its headers."""

    def take(queue="beat-tests"):
        found = []
        with app.connection_for_read() as connection, connection.channel() as channel:
            while (message := channel.basic_get(queue, no_ack=True)) is not None:
                args, kwargs, _ = json.loads(message.body)
                found.append(
                    {**message.headers, "args": args, "kwargs": kwargs, "priority": message.properties}
                )
        return found

    return take


@pytest.fixture
def dispatcher(app, database):
    return make_dispatcher(app, database)


def make_dispatcher(app, database, name="test:1"):
    return Dispatcher(Publisher(app), using=database, name=name)


@pytest.fixture
def clock(database):
    return lambda: now(database)


@pytest.fixture
def make_task(database):
    """Return a function that makes a periodic task: minutely unless told otherwise."""

    def make(name="task", *, every=60, period="seconds", **columns):
        if not {"crontab", "solar", "clocked"} & columns.keys():
            columns["interval"] = IntervalSchedule.objects.get_or_create(every=every, period=period)[0]
        return PeriodicTask.objects.create(name=name, **{"task": "tests.add", **columns})

    return make


@pytest.fixture
def minutely(database):
    return CrontabSchedule.objects.create(timezone="UTC")


@pytest.fixture
def make_due(database):
    """Return a function that moves every next run into the past, as if time had passed."""

    def shift(seconds=60, **which):
        by = seconds * 1_000_000
        NextRun.objects.filter(slot__isnull=False, **which).update(
            slot=F("slot") - by, run_at=F("run_at") - by, anchor=F("anchor") - by
        )

    return shift


@pytest.fixture
def without_triggers(database):
    """The database marks nothing by itself, as where its owner allows no triggers."""
    TRIGGERS.drop(database)
    forget_active(database)
    yield
    TRIGGERS.install(database)
    forget_active(database)


def settle(dispatcher, most=20):
    """Step until there is nothing to do at once; returns the seconds until the next thing.

    What is due and could not be had is looked at again, as a beat does: after 20 times somebody means it.
    """
    dispatcher._peeked_at = -float("inf")
    dispatcher._chores = Chores([])
    for _ in range(most):
        wait = dispatcher.step()
        if wait == _LOCKED_SECONDS:
            time.sleep(wait)  # a beat's own pause: nothing tells when a row is free
        elif wait:
            return wait
    if wait:
        return wait
    raise AssertionError("there is always more to do")


HOUR = dt.timedelta(hours=1)


@pytest.fixture
def known(monkeypatch):
    told: dict[str, Outcome] = {}
    monkeypatch.setattr(
        outcomes, "_readers", {"test": (0, lambda ids: {i: told[i] for i in ids if i in told})}
    )
    return told


@pytest.fixture
def make_run(make_task, clock):
    """Return a function that makes a run published `ago` seconds ago, to be asked about now."""
    tasks = {}

    def make(ago=1, name="task", state="published"):
        task = tasks.setdefault(name, tasks.get(name) or make_task(name))
        at = clock() - ago * dt.timedelta(seconds=1)
        return TaskRun.objects.create(
            periodic_task=task,
            name=name,
            slot=at,
            state=state,
            task_id=uuid.uuid4(),
            claimed_at=at,
            claimed_by="test:1",
            published_at=at,
            follow_at=at,
        )

    return make


def side_by_side(database, beat, count=3):
    """Run `beat` in that many threads at once, each with a connection of its own."""
    ready = threading.Barrier(count)
    failed = []

    def run():
        try:
            ready.wait()
            beat()
        except Exception as error:  # noqa: BLE001  it is the test's failure, told below
            failed.append(error)
        finally:
            connections[database].close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.fixture
def many(minutely):
    """Return a function that makes tasks on one crontab."""

    def make(count, **columns):
        return PeriodicTask.objects.bulk_create(
            PeriodicTask(name=f"task {number:05}", task="tests.add", crontab=minutely, **columns)
            for number in range(count)
        )

    return make


def captured(database, work):
    """Return how many statements `work` takes."""
    with CaptureQueriesContext(connections[database]) as queries:
        work()
    return len(queries)


@pytest.fixture
def bring(tmp_path):
    """Return a function that imports a text and returns what the command said."""

    def run(text, *options):
        file = tmp_path / "schedules.yaml"
        file.write_text(text, encoding="utf-8", newline="\n")
        out = io.StringIO()
        call_command("schedules", "import", str(file), *options, stdout=out)
        return out.getvalue()

    return run


def planned(task):
    return NextRun.objects.get(pk=task.pk)
