"""Sessions that the server ends under a worker, whose parent stores what its children cannot."""

import pytest
from celery import states
from django.db import connections
from django_celery_results.models import TaskResult

from tests.integration.results import resultsapp as tasks
from tests.integration.results.test_worker import worker  # noqa: F401  a fixture
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("database", ["default"], indirect=True, ids=["postgresql"])


def end_all_other_sessions(using):
    """As a server that restarts does; gives how many there were."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def state_of(result):
    return TaskResult.objects.filter(task_id=result.id).values_list("status", "result").first() or ("", "")


def ends_in(result, state, text=""):
    eventually(lambda: state_of(result)[0] == state and text in state_of(result)[1], timeout=30)


def test_what_a_workers_parent_stores_is_stored(worker, database):  # noqa: F811
    """A time limit, a lost child and a revocation, each after the parent's session was ended."""
    ends_in(tasks.hang.apply_async(time_limit=0.5), states.FAILURE, "TimeLimitExceeded")

    assert end_all_other_sessions(database)
    ends_in(tasks.hang.apply_async(time_limit=0.5), states.FAILURE, "TimeLimitExceeded")

    assert end_all_other_sessions(database)
    ends_in(tasks.be_killed.delay(), states.FAILURE, "WorkerLostError")

    begun = tasks.hang.delay()
    ends_in(begun, states.STARTED)
    assert end_all_other_sessions(database)
    begun.revoke(terminate=True)
    ends_in(begun, states.REVOKED)

    end_all_other_sessions(database)
    ends_in(tasks.add.delay(2, 3), states.SUCCESS, "5")
