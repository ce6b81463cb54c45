from types import SimpleNamespace

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import TaskRun
from djtaskq_beat.slots import slot_of
from tests.integration.beat.conftest import APP, messages_of
from tests.waiting import eventually


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_a_task_is_told_its_slot_and_a_retry_the_same(database, start_beat, processes, redis_url):
    every_second = IntervalSchedule.objects.create(every=1, period="seconds")
    PeriodicTask.objects.create(name="report", task="tests.report_slot", interval=every_second, one_off=True)
    start_beat()
    processes.worker(APP, environment={"DJTASKQ_TEST_BROKER_URL": redis_url})
    reports = []
    eventually(lambda: reports.extend(messages_of(redis_url, "slots")) or len(reports) >= 2, timeout=60)
    assert [report["args"] for report in reports] == [
        [attempt, TaskRun.objects.get(state="published").slot.isoformat()] for attempt in (0, 1)
    ]


def test_a_task_that_beat_did_not_send_has_no_slot():
    assert slot_of(SimpleNamespace(headers=None)) is None
    assert slot_of(SimpleNamespace()) is None
