"""Push: who waits is told, over one connection of the process; on PostgreSQL alone."""

import threading

import pytest
from django.db import connections

from djtaskq.db.announcing import IsAwaited, announce, bucket
from djtaskq_results import listening
from djtaskq_results.listening import subscribe
from tests.router import routed_to
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("postgresql")]

ALIAS = "default"


@pytest.fixture
def postgresql(transactional_db):
    with routed_to(ALIAS):
        yield
    nobody_listens()


def nobody_listens():
    """End the listener of this test, so that the next one begins with none."""
    for listener in listening._listeners.values():
        eventually(lambda listener=listener: not listener._running)
    listening._listeners.clear()


@pytest.fixture(autouse=True)
def idle_for_a_moment(monkeypatch):
    monkeypatch.setattr(listening, "IDLE", 0.2)


def sql(statement, *params):
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


class Ear:
    def __init__(self, *task_ids):
        self.woken = threading.Event()
        self.subscription = subscribe(task_ids, self.woken.set, using=ALIAS)
        eventually(lambda: self.subscription.armed)
        self.woken.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.subscription.close()


def test_who_waits_for_a_task_hears_of_that_task_alone():
    with Ear("a", "b") as ear, Ear("c") as other:
        announce("b", using=ALIAS)
        assert ear.woken.wait(5)
        assert ear.subscription.take() == {"b"}
        assert ear.subscription.take() == set()
        assert not other.woken.is_set()


def is_awaited(task_id):
    from django_celery_results.models import TaskResult

    TaskResult.objects.get_or_create(task_id=task_id)
    return TaskResult.objects.values_list(IsAwaited("task_id"), flat=True).get(task_id=task_id)


def other_buckets(task_id):
    return [name for name in map(str, range(100, 200)) if bucket(name) != bucket(task_id)]


def test_a_writer_finds_out_whether_somebody_waits():
    assert not is_awaited("task-1")
    with Ear("task-1"):
        assert is_awaited("task-1")
        assert not is_awaited(other_buckets("task-1")[0])
        with Ear("task-1"):
            pass
        assert is_awaited("task-1")
    eventually(lambda: not is_awaited("task-1"))
    assert sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_python_and_sql_agree_about_the_bucket():
    task_ids = ["", "x", "xy", "5f1c0d9e-a", "日本語", "é", "💥"]
    for task_id in task_ids:
        with Ear(task_id):
            assert is_awaited(task_id), task_id
