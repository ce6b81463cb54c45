"""Results as files."""

import csv
import io
import json

import pytest
from django_celery_results.models import TaskResult

from tests.contract.results.acting import ask, person, result


class TestExport:
    def rows(self, response):
        assert response.streaming
        assert "attachment" in response["Content-Disposition"]
        return b"".join(response.streaming_content).decode()

    @pytest.fixture
    def viewer(self, database, client):
        client.force_login(person("view_taskresult"))
        return client

    def test_a_selection_as_csv(self, viewer):
        kept = result("a", result='"é"', worker="one@host")
        result("b")
        lines = list(csv.DictReader(io.StringIO(self.rows(ask(viewer, "export_csv", kept)))))
        assert [(line["task_id"], line["result"], line["worker"]) for line in lines] == [
            ("a", '"é"', "one@host")
        ]

    def test_all_that_match_as_json(self, viewer, monkeypatch):
        monkeypatch.setattr("djtaskq_results.exports.BATCH", 2)
        for number in range(5):
            result(str(number), "FAILURE", result='{"a": [1]}')
        result("well")
        text = self.rows(ask(viewer, "export_json", select_across="1", query="?status=FAILURE"))
        found = json.loads(text)
        assert [row["task_id"] for row in found] == list("01234")
        assert found[0]["result"] == {"a": [1]}

    def test_nothing_is_an_empty_array(self, viewer):
        assert (
            json.loads(self.rows(ask(viewer, "export_json", select_across="1", query="?status=NONE"))) == []
        )

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
    def test_no_cell_is_a_formula(self, viewer, text):
        row = result(f"{text}x", task_name=text, worker=text, result=text, traceback=text)
        (line,) = csv.DictReader(io.StringIO(self.rows(ask(viewer, "export_csv", row)), newline=""))
        assert [line[name] for name in ("task_name", "worker", "result", "traceback")] == [f"'{text}"] * 4

    def test_a_large_text_is_cut_with_a_mark(self, viewer, monkeypatch):
        monkeypatch.setattr("djtaskq_results.exports.CELL", 10)
        row = result("a", result="x" * 11)
        (line,) = csv.DictReader(io.StringIO(self.rows(ask(viewer, "export_csv", row))))
        assert line["result"] == f"{'x' * 10}…"

    def test_a_pickle_stays_text(self, viewer, make_app):
        make_app("pickle").backend.mark_as_done("a", {"a": 1})
        (found,) = json.loads(self.rows(ask(viewer, "export_json", TaskResult.objects.get())))
        assert isinstance(found["result"], str)
        assert found["content_type"] == "application/x-python-serialize"
