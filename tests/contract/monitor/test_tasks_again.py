"""Running a task again from its page."""

import uuid

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from djtaskq_monitor.models import TaskState
from tests.contract.monitor.paging import person, shown, task


@pytest.fixture
def operator(database, client):
    return person(client, "view_taskstate", "run_task_again")


class TestAgain:
    @pytest.fixture
    def sent(self, monkeypatch):
        found = []
        monkeypatch.setattr(
            current_app,
            "send_task",
            lambda name, args=None, kwargs=None, **options: found.append((name, args, kwargs, options)),
        )
        return found

    def url(self, row):
        return reverse("admin:djtaskq_monitor_run_again", args=[row.pk])

    def data(self, **more):
        return {"args": "[1]", "kwargs": '{"b": 2}', "queue": "", "token": uuid.uuid4(), **more}

    def test_it_takes_its_own_permission(self, viewer, sent):
        row = task()
        assert "run-again" not in shown(viewer, row)
        assert viewer.get(self.url(row)).status_code == 403
        assert viewer.post(self.url(row), self.data()).status_code == 403
        assert sent == []

    def test_a_form_counts_once_and_is_in_the_log(self, operator, sent):
        row, data = task(queue="slow"), self.data(queue="slow")
        assert self.url(row) in shown(operator, row)
        for _ in range(2):
            assert operator.post(self.url(row), data).status_code == 302
        ((name, args, kwargs, options),) = sent
        assert (name, args, kwargs) == ("shop.charge", [1], {"b": 2})
        assert options == {"task_id": str(data["token"]), "queue": "slow"}
        entry = LogEntry.objects.get()
        assert (entry.object_id, str(data["token"]) in entry.change_message) == (str(row.pk), True)
        new = TaskState.objects.get(task_id=str(data["token"]))
        assert (new.name, new.state) == ("shop.charge", "PENDING")

    def test_events_take_the_place_of_what_was_noted(self, operator, sent, database):
        from tests.contract.monitor.test_admin import record
        from tests.monitoring import success

        data = self.data()
        operator.post(self.url(task()), data)
        record(success(str(data["token"]), at=1_000_000_000), database, now=timezone.now().timestamp())
        new = TaskState.objects.get(task_id=str(data["token"]))
        assert (new.name, new.state, new.repeats) == ("proj.tasks.add", "SUCCESS", None)

    def test_a_broker_that_is_away_leaves_nothing(self, operator, monkeypatch):
        def away(*_args, **_options):
            raise OperationalError("refused")

        monkeypatch.setattr(current_app, "send_task", away)
        page = operator.post(self.url(task()), self.data())
        assert "nothing was sent" in page.content.decode()
        assert TaskState.objects.count() == 1
        assert not LogEntry.objects.exists()

    def test_texts_are_shown_beside_empty_fields_and_never_taken(self, operator, sent):
        row = task(args="('ann', {'password': 'hunter2'})", kwargs="{}")
        html = operator.get(self.url(row)).content.decode()
        assert "are not stored" in html
        assert ">\n</textarea>" in html
        assert "hunter2" not in html

    def test_a_task_without_a_name_cannot_be_sent(self, operator, sent):
        row = task(name=None)
        assert "run-again" not in shown(operator, row)
        assert operator.get(self.url(row)).status_code == 302
        for wrong in ("999999", "x"):
            assert operator.get(reverse("admin:djtaskq_monitor_run_again", args=[wrong])).status_code == 404
