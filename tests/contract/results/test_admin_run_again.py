"""The form that runs one task again."""

import uuid

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from kombu.exceptions import OperationalError

from djtaskq.arguments import Arguments, arguments_of
from djtaskq_results.models import Rerun
from tests.contract.results.acting import catch_sent, result, told


@pytest.fixture
def sent(monkeypatch):
    return catch_sent(monkeypatch)


@pytest.mark.parametrize("database", ["default"], indirect=True)  # what is typed is no database's business
class TestForm:
    def url(self, row):
        return reverse("admin:djtaskq_results_run_again", args=[row.pk])

    def data(self, **more):
        return {"args": "[1]", "kwargs": '{"b": 2}', "queue": "", "token": uuid.uuid4(), **more}

    def test_it_starts_with_what_is_stored(self, operator):
        page = operator.get(self.url(result("a", task_args="[1, 2]"))).content.decode()
        assert ">\n[1, 2]</textarea>" in page
        assert "are not stored" not in page

    def test_a_text_for_people_is_shown_beside_empty_fields(self, operator):
        page = operator.get(
            self.url(result("a", task_args='"(<Order 3>,)"', task_kwargs='"{}"'))
        ).content.decode()
        assert "(&lt;Order 3&gt;,)" in page
        assert "are not stored" in page
        assert ">\n</textarea>" in page

    def test_it_sends_what_was_typed_and_links_both(self, operator, sent):
        row = result("a")
        data = self.data(args='["typed"]', queue="slow")
        assert operator.post(self.url(row), data).status_code == 302
        name, args, kwargs, options = sent["tasks"][0]
        assert (name, args, kwargs) == ("shop.charge", ["typed"], {"b": 2})
        assert options == {"task_id": str(data["token"]), "queue": "slow"}
        assert Rerun.objects.get().task_id == str(data["token"])
        assert LogEntry.objects.get().object_id == str(row.pk)

    def test_a_secret_is_not_shown_and_sent_nevertheless(self, operator, sent):
        row = result("a", task_args='["x"]', task_kwargs='{"user": "ann", "password": "hunter2"}')
        page = operator.get(self.url(row)).content.decode()
        assert "hunter2" not in page
        assert "[redacted]" in page
        typed = '{"user": "bob", "password": "[redacted]"}'
        assert operator.post(self.url(row), self.data(kwargs=typed)).status_code == 302
        assert sent["tasks"][0][2] == {"user": "bob", "password": "hunter2"}

    def test_a_mark_that_stands_for_nothing_is_refused(self, operator, sent):
        page = operator.post(self.url(result("a")), self.data(kwargs='{"token": "[redacted]"}'))
        assert "type the value" in page.content.decode()
        assert sent["tasks"] == []

    def test_other_pages_are_told_the_arguments(self, operator):
        result("a", task_args="[1, 2]", task_kwargs="{}")
        result("b", task_args='"(1, 2)"', task_kwargs='"{}"')
        assert arguments_of("a") == Arguments("[1, 2]", "{}")
        assert arguments_of("b") is None
        assert arguments_of("nobody") is None

    def test_the_same_form_counts_once(self, operator, sent):
        row, data = result("a"), self.data()
        operator.post(self.url(row), data)
        operator.post(self.url(row), data)
        assert len(sent["tasks"]) == 1
        assert LogEntry.objects.count() == 1

    @pytest.mark.parametrize(
        ("field", "typed", "reason"),
        [
            ("args", "[1,", "no JSON"),
            ("args", "(1, 2)", "no JSON"),
            ("args", '{"a": 1}', "must be a list"),
            ("kwargs", "[1]", "must be an object"),
            ("kwargs", "__import__('os')", "no JSON"),
            ("args", "", "required"),
        ],
    )
    def test_what_is_no_json_is_refused_with_the_place(self, operator, sent, field, typed, reason):
        page = operator.post(self.url(result("a")), self.data(**{field: typed}))
        assert page.status_code == 200
        assert reason in page.content.decode()
        assert sent["tasks"] == []

    def test_a_broker_that_is_away_is_said_and_nothing_is_linked(self, operator, monkeypatch):
        def away(*_args, **_options):
            raise OperationalError("refused")

        monkeypatch.setattr(current_app, "send_task", away)
        page = operator.post(self.url(result("a")), self.data())
        assert "nothing was sent" in page.content.decode()
        assert not Rerun.objects.exists()

    def test_a_task_without_a_name_cannot_be_run_again(self, operator):
        row = result("a", task_name=None)
        assert operator.get(self.url(row)).status_code == 302
        assert "name is not stored" in told(operator)[0]

    def test_an_unknown_row_is_not_found(self, operator):
        for wrong in ("999999", "x"):
            url = reverse("admin:djtaskq_results_run_again", args=[wrong])
            assert operator.get(url).status_code == 404
