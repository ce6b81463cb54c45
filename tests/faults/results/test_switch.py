"""A project on django-celery-results goes over to djtaskq's backend under running workers, and back."""

import hashlib
import itertools
import json
from contextlib import contextmanager

import pytest
from celery import chord, group, states
from django_celery_results.backends import DatabaseBackend as TheirBackend
from django_celery_results.models import ChordCounter, GroupResult, TaskResult

from djtaskq_results.backends import DatabaseBackend as OurBackend
from tests.faults.conftest import FULL
from tests.faults.results import app as tasks
from tests.faults.results.storm import connect
from tests.waiting import eventually

ROWS = 100_000 if FULL else 1_000
MEMBERS = 6
SECONDS = 60
# What a worker of each kind consumes: what all share, and what it alone is sent.
WORKERS = {TheirBackend: ("django-db", "celery,theirs"), OurBackend: ("djtaskq", "celery,ours")}
OTHER = {TheirBackend: "ours", OurBackend: "theirs"}


class Project:
    """Sends tasks with one backend or the other, and keeps account of what they are to end with."""

    def __init__(self, processes, environment):
        self.values, self.failures, self.groups = {}, [], {}
        self._processes, self._environment = processes, environment

    def worker(self, kind):
        backend, queues = WORKERS[kind]
        return self._processes.worker(
            "tests.faults.results.app",
            f"--queues={queues}",
            f"--hostname={queues}@%h",
            environment=self._environment | {"FAULTS_BACKEND": backend},
        )

    def send(self, kind):
        """Plain tasks, failing ones, a group that is saved, and a chord, from a process with that backend."""
        with sending(kind):
            for number in range(MEMBERS):
                self.values[tasks.double.delay(number).id] = number * 2
                self.failures.append(tasks.fail.delay(number).id)
            members = group([tasks.double.si(number) for number in range(MEMBERS)], app=tasks.app).delay()
            members.save()
            self.groups[members.id] = [number * 2 for number in range(MEMBERS)]
            header = [tasks.double.si(number) for number in range(MEMBERS)]
            self.values[chord(header, app=tasks.app)(tasks.total.s()).id] = 30

    def begin_chord(self, kind):
        """A chord that is sent with one backend, and whose last part waits for a worker of the other kind."""
        last = tasks.double.si(MEMBERS).set(queue=OTHER[kind])
        header = [*(tasks.double.si(number) for number in range(MEMBERS)), last]
        with sending(kind):
            sent = chord(header, app=tasks.app)(tasks.total.s())
        self.values[sent.id] = 42
        eventually(lambda: ChordCounter.objects.get(group_id=sent.parent.id).count == 1, timeout=SECONDS)

    def all_ended(self):
        ended = TaskResult.objects.filter(status__in=states.READY_STATES).values_list("task_id", flat=True)
        return set(ended) >= {*self.values, *self.failures}

    def check(self, kind):
        """Read everything with that backend."""
        with sending(kind) as backend:
            assert {task_id: backend.get_result(task_id) for task_id in self.values} == self.values
            for task_id in self.failures:
                meta = backend.get_task_meta(task_id)
                assert (meta["status"], type(meta["result"]).__name__) == (states.FAILURE, "Broken")
                assert "raise Broken(number)" in meta["traceback"]
            for group_id, values in self.groups.items():
                assert tasks.app.GroupResult.restore(group_id, app=tasks.app).get(timeout=SECONDS) == values


@contextmanager
def sending(kind):
    own, tasks.app._backend = tasks.app.backend, kind(tasks.app)
    yield tasks.app.backend
    tasks.app._backend = own


def make_rows():
    """Make rows as django-celery-results writes them."""
    with sending(TheirBackend) as backend:
        backend.store_result("old 0", {"n": 0}, states.SUCCESS)
    columns = TaskResult.objects.values().get(task_id="old 0")
    del columns["id"]
    made = (
        TaskResult(**{**columns, "task_id": f"old {n}", "result": json.dumps({"n": n})})
        for n in itertools.count(1)
    )
    while TaskResult.objects.count() < ROWS:
        TaskResult.objects.bulk_create(itertools.islice(made, 999))


def digest():
    """How many old rows there are, and what stands in all their columns."""
    rows = TaskResult.objects.filter(task_id__startswith="old ").order_by("pk")
    lines = hashlib.sha256()
    for row in rows.values_list().iterator():
        lines.update(repr(row).encode())
    return rows.count(), lines.hexdigest()


@pytest.mark.parametrize(
    "database", ["default", *(["mariadb"] if FULL else [])], indirect=True, ids=lambda alias: alias
)
def test_a_switch_and_the_way_back_lose_nothing(database, redis_url, processes, tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTS_LEDGER", str(tmp_path / "ledger"))
    connect(redis_url)
    make_rows()
    before = digest()
    project = Project(processes, {"DJTASKQ_TEST_BROKER_URL": redis_url})

    theirs = project.worker(TheirBackend)
    project.send(TheirBackend)
    project.begin_chord(TheirBackend)

    ours = project.worker(OurBackend)
    for kind in (TheirBackend, OurBackend):
        project.send(kind)
    eventually(project.all_ended, timeout=SECONDS)
    assert theirs.stop() == 0

    project.send(OurBackend)
    project.begin_chord(OurBackend)
    eventually(lambda: GroupResult.objects.count() == len(project.groups), timeout=SECONDS)

    theirs = project.worker(TheirBackend)
    assert ours.stop() == 0
    project.send(TheirBackend)
    eventually(project.all_ended, timeout=SECONDS)
    assert theirs.stop() == 0

    for kind in (TheirBackend, OurBackend):
        project.check(kind)
    assert not ChordCounter.objects.exists()
    assert digest() == before
