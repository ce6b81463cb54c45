"""The database goes away, or a signal comes, at each statement and each commit of a tick in turn.

Before it is carried out, or after that and before beat has the answer.
"""

import contextlib
import datetime as dt
import itertools

import pytest
from django.db import OperationalError, connections

from djtaskq.db.clock import now
from djtaskq_beat.models import NextRun, TaskRun
from djtaskq_beat.schedulers import DatabaseScheduler
from tests.waiting import eventually

INTERRUPTIONS = {
    "outage": lambda: OperationalError("server closed the connection unexpectedly"),
    "signal": lambda: SystemExit(0),  # what Celery's handler raises
}


class Interruption:
    """Lets the first `at` statements and commits through, and raises `error` at the next one."""

    def __init__(self, at, error, *, in_force):
        self.ends_the_process = error == "signal"
        self._error = INTERRUPTIONS[error]
        self.happened = False
        self._left = at
        self._in_force = in_force

    def __call__(self, execute, sql, params, many, context):
        return self._through(lambda: execute(sql, params, many, context))

    def _through(self, work):
        self._left -= 1
        if self._left != -1:
            return work()
        if self._in_force:
            work()
        self.happened = True
        raise self._error()

    @contextlib.contextmanager
    def of(self, connection):
        commit = connection._commit
        connection._commit = lambda: self._through(commit)
        try:
            with connection.execute_wrapper(self):
                yield
        finally:
            del connection._commit


@pytest.fixture
def make_scheduler(app, database):
    made = []

    def make():
        made.append(DatabaseScheduler(app=app))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.close()


@pytest.fixture
def ticked_to_the_end(make_scheduler, make_task, make_due, database):
    """Return a function that has a tick meet `interruption` with a run due, then ticks to the end.

    It returns the run, and by how much its task's count grew.
    """
    task = make_task(every=60)
    planned = NextRun.objects.filter(pk=task.pk, changed_at=None, slot__isnull=False)

    def tick(interruption):
        TaskRun.objects.all().delete()
        scheduler = make_scheduler()
        eventually(lambda: (scheduler.tick(), planned.exists())[1], interval=0)
        task.refresh_from_db()
        before = task.total_run_count
        make_due(pk=task.pk)
        look_at_once(scheduler)
        with contextlib.suppress(SystemExit), interruption.of(connections[database]):
            scheduler.tick()
        if interruption.ends_the_process:
            scheduler.close()
            scheduler = make_scheduler()
            scheduler.tick()
        TaskRun.objects.filter(retry_at__isnull=False).update(retry_at=now(database))
        look_at_once(scheduler)
        eventually(lambda: (scheduler.tick(), recorded())[1], interval=0)
        for _ in range(3):
            scheduler.tick()
        scheduler.close()
        task.refresh_from_db()
        run = TaskRun.objects.get()
        assert planned.get().slot - run.slot == dt.timedelta(seconds=60)
        return run, task.total_run_count - before

    return tick


def look_at_once(scheduler):
    scheduler._dispatcher._peeked_at = -float("inf")


def recorded():
    runs = TaskRun.objects.all()
    return runs.exists() and not runs.exclude(state="published")


@pytest.mark.parametrize("in_force", [False, True], ids=["not carried out", "carried out"])
@pytest.mark.parametrize("error", INTERRUPTIONS)
def test_whatever_is_interrupted_there_is_one_run_under_one_id(error, in_force, ticked_to_the_end, sent):
    for at in itertools.count():
        interruption = Interruption(at, error, in_force=in_force)
        run, counted = ticked_to_the_end(interruption)
        ids = {message["id"] for message in sent()}
        assert (ids, counted, at) == ({str(run.task_id)}, 1, at)
        if not interruption.happened:
            break
    assert at > 10
