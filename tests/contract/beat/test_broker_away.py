"""While no broker can be reached, nothing is claimed, and everything else goes on."""

import pytest
from celery import Celery
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import NextRun, TaskRun
from tests.contract.beat.conftest import make_dispatcher


@pytest.fixture
def away(database):
    """A beat whose broker is a port on which nobody listens."""
    app = Celery("away", broker="redis://127.0.0.1:1", set_as_current=False)
    return make_dispatcher(app, database, "test:away")


def test_what_is_due_waits_and_what_is_changed_is_planned(away, dispatcher, make_task, make_due, clock):
    due, edited = make_task("due"), make_task("edited", every=3600)
    dispatcher.step()
    make_due(pk=due.pk)
    before = NextRun.objects.get(pk=due.pk).slot
    edited.args = "[1]"
    edited.start_time = clock().replace(microsecond=0)
    edited.save()
    assert NextRun.objects.get(pk=edited.pk).changed_at is not None
    away.step()
    assert NextRun.objects.get(pk=edited.pk).changed_at is None
    assert NextRun.objects.get(pk=due.pk).slot == before
    assert TaskRun.objects.count() == 0


def test_a_row_that_cannot_be_scheduled_is_said_there_too(away, make_task, caplog):
    PeriodicTask.objects.filter(pk=make_task().pk).update(args="[")
    away.step()
    assert "task cannot be scheduled" in caplog.text
