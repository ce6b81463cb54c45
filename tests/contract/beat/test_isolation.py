"""The claiming path where each transaction sees the database as it was when it began.

REPEATABLE READ is the default of MariaDB and MySQL: a beat whose transactions stayed open would never see an
edit, and one that trusted a snapshot would claim what is claimed.
"""

import threading

import pytest
from django.db import connections
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun
from djtaskq_beat.reconciliation import reconcile
from tests.contract.beat.conftest import settle

# The very same tests, on the fixture `database` of this module.
from tests.contract.beat.test_claiming import (
    test_a_slot_that_somebody_has_claimed_is_not_claimed_again,  # noqa: F401
    test_two_claimers_at_once_never_double_a_slot,  # noqa: F401
)
from tests.contract.beat.test_claims_left_behind import (
    test_what_another_beat_left_behind_goes_out_under_the_same_id,  # noqa: F401
)
from tests.router import routed_to


@pytest.fixture(params=["mariadb"])
def database(request, transactional_db):
    with routed_to(request.param):
        connection = connections[request.param]
        connection.close()
        options = connection.settings_dict["OPTIONS"]
        options["isolation_level"] = "repeatable read"
        yield request.param
        connection.close()
        del options["isolation_level"]


def elsewhere(work):
    """Do `work` on another connection."""

    def thread():
        try:
            work()
        finally:
            connections.close_all()

    other = threading.Thread(target=thread)
    other.start()
    other.join(20)


@pytest.mark.parametrize("saved", [True, False], ids=["by save", "by update"])
def test_an_edit_made_elsewhere_is_seen_at_the_next_step(saved, dispatcher, make_task, database, clock):
    task = make_task(every=3600)
    settle(dispatcher)

    def edit():
        interval = IntervalSchedule.objects.create(every=600, period="seconds")
        if saved:
            known = PeriodicTask.objects.get(pk=task.pk)
            known.interval = interval
            known.save()
        else:
            PeriodicTask.objects.filter(pk=task.pk).update(interval=interval)

    elsewhere(edit)
    reconcile(database)
    settle(dispatcher)
    assert 590 < (NextRun.objects.get().slot - clock()).total_seconds() <= 600
    assert not connections[database].in_atomic_block
