"""`prune_results`: what it says, and what it deletes."""

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django_celery_results.models import GroupResult

from djtaskq_results.models import RetentionMark
from tests.contract.results.ageing import DAY, left


class TestCommand:
    @pytest.fixture(autouse=True)
    def _by_settings(self, settings):
        settings.DJTASKQ = {
            "RESULTS_RETENTION": {"states": {"SUCCESS": "1 day", "FAILURE": "30 days"}, "groups": "1 day"}
        }

    def test_it_says_what_would_go_by_rule_and_deletes_nothing(self, make_results, capsys):
        make_results(12)
        make_results(2, state="FAILURE")
        make_results(3, model=GroupResult)
        call_command("prune_results", "--dry-run")
        told = " ".join(capsys.readouterr().out.split())
        assert "SUCCESS kept 1 day 12 to go" in told
        assert "FAILURE kept 30 days 0 to go" in told
        assert "groups kept 1 day 3 to go" in told
        assert "nothing is deleted" in told
        assert len(left()) == 14

    def test_a_dry_run_looks_at_so_many_rows_and_says_so(self, make_results, capsys, monkeypatch, small):
        monkeypatch.setattr("djtaskq_results.management.commands.prune_results.MOST", 20)
        make_results(45)
        call_command("prune_results", "--dry-run")
        told = capsys.readouterr().out
        assert "20 or more to go" in told
        assert "there are more" in told

    def test_it_deletes_by_the_settings_from_the_first_row_on(self, make_results, capsys):
        call_command("prune_results")
        make_results(12, age=900 * DAY)
        failed = make_results(2, state="FAILURE")
        call_command("prune_results", "--no-progress")
        assert left() == failed
        assert "Deleted 12 results, 0 groups and 0 chords" in capsys.readouterr().out

    def test_or_as_it_is_told(self, make_results):
        young = make_results(2, age=dt.timedelta(hours=1))
        one = make_results(3, task="proj.a")
        failed = make_results(3, task="proj.a", state="FAILURE")
        other = make_results(3, task="else")
        groups = make_results(2, model=GroupResult)
        call_command("prune_results", "--older-than", "1 day", "--task", "proj.*", "--state", "FAILURE")
        assert left() == [*young, *one, *other]
        assert failed
        call_command("prune_results", "--older-than", "86400", "--task", "proj.*")
        assert left() == [*young, *other]
        assert left(GroupResult) == groups
        call_command("prune_results", "--older-than", "1 day")
        assert left() == young
        assert left(GroupResult) == []
        assert not RetentionMark.objects.exists()

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--older-than", "soon"], "is no age"),
            (["--older-than", "0"], "more than zero"),
            (["--state", "SUCCESS"], "go with --older-than"),
            (["--older-than", "60", "--state", "SUCESS"], "did you mean 'SUCCESS'"),
        ],
    )
    def test_it_says_what_it_cannot_take(self, arguments, told, database):
        with pytest.raises(CommandError, match=told):
            call_command("prune_results", *arguments)

    def test_a_setting_that_is_wrong_is_told(self, settings, database):
        settings.DJTASKQ = {"RESULTS_RETENTION": {"SUCCESS": 1}}
        with pytest.raises(CommandError, match="there is no such part"):
            call_command("prune_results")
