"""While no broker can be reached, nothing is claimed, and everything else goes on."""

import pytest
from celery import Celery
from django.db.models import F
from django_celery_beat.models import PeriodicTask
from kombu.transport import memory

from djtaskq_beat.models import NextRun, TaskRun
from tests.contract.beat.conftest import make_dispatcher, settle


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


def test_a_broker_without_its_folder_is_reported_at_once(database, tmp_path, make_task, make_due):
    folder = tmp_path / "messages"
    app = Celery("folders", broker="filesystem://", set_as_current=False)
    app.conf.broker_transport = "djtaskq.filesystem:Transport"
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(tmp_path / "control"),
    }
    beat = make_dispatcher(app, database, "test:folders")
    make_task()
    beat.step()
    make_due()
    beat._due_at = 0
    beat.step()
    assert f"{folder} does not exist" in beat.publisher.problem()
    assert TaskRun.objects.count() == 0
    folder.mkdir()
    beat.publisher._not_before = 0
    assert beat.publisher.problem() == ""
    settle(beat)
    assert TaskRun.objects.get().state == "published"
    assert len(list(folder.iterdir())) == 1


def test_a_broker_that_takes_no_message_is_a_problem_until_it_does(
    dispatcher, make_task, make_due, monkeypatch
):
    def full(*_args, **_kwargs):
        raise OSError("no space left")

    for number in range(3):
        make_task(f"task {number}")
    settle(dispatcher)
    assert dispatcher.publisher.problem() == ""
    make_due()
    with monkeypatch.context() as broken:
        broken.setattr(memory.Channel, "_put", full)
        settle(dispatcher)
        assert dispatcher.publisher.problem() == (
            "The broker can be reached, but takes no message: no space left"
        )
    TaskRun.objects.update(retry_at=F("retry_at") - 60_000_000)
    settle(dispatcher)
    assert dispatcher.publisher.problem() == ""
    assert set(TaskRun.objects.values_list("state", flat=True)) == {"published"}
