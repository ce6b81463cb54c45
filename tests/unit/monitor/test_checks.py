import pytest
from celery import Celery
from django.test import override_settings

from djtaskq_monitor import checks


@pytest.fixture
def configured(monkeypatch):
    def configure(**settings):
        app = Celery("checks", set_as_current=False)
        app.conf.update(settings)
        monkeypatch.setattr(checks, "current_app", app)
        return [(found.id, found.is_serious()) for found in checks.check_events(None)]

    return configure


def test_nothing_is_said_where_every_event_is_sent(configured):
    assert configured(worker_send_task_events=True, task_send_sent_event=True) == []


def test_the_sent_event_is_missed_and_the_hint_turns_it_on(configured):
    assert configured(worker_send_task_events=True) == [("djtaskq_monitor.W002", False)]
    assert "CELERY_TASK_SEND_SENT_EVENT" in checks.check_events(None)[0].hint


def test_workers_without_events_are_no_matter_where_the_camera_enables_them(configured):
    assert configured(task_send_sent_event=True) == []
    with override_settings(DJTASKQ={"MONITOR_ENABLE_EVENTS": False}):
        assert configured(task_send_sent_event=True) == [("djtaskq_monitor.W001", False)]
