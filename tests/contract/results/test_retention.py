"""What has expired goes, a few rows at a time, and what is kept costs nothing each night."""

import datetime as dt

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import GroupResult, TaskResult

from djtaskq_results import marks, retention, sweeping
from djtaskq_results.models import RetentionMark
from djtaskq_results.spans import Span
from tests.contract.results.ageing import DAY, analyze, left


class TestRules:
    def test_by_celery_s_own_settings(self, make_results, expire, small):
        make_results(25)
        young = make_results(3, age=dt.timedelta(hours=1))
        failed = make_results(2, state="FAILURE")
        expired, _ = expire(result_failure_expires=30 * 86_400)
        assert left() == [*young, *failed]
        assert expired.tasks == 25
        expire()
        assert left() == young

    @pytest.mark.parametrize("never", [None, 0, dt.timedelta(0)])
    def test_without_an_age_nothing_goes_and_nothing_is_looked_at(
        self, make_results, expire, never, database
    ):
        make_results(3, age=900 * DAY)
        make_results(3, age=900 * DAY, model=GroupResult)
        with CaptureQueriesContext(connections[database]) as captured:
            expire(expires=never)
        assert len(left()) == len(left(GroupResult)) == 3
        assert len(captured) == 0

    def test_by_state_and_by_task(self, make_results, expire, small):
        make_results(12, task="proj.other")
        failed = make_results(12, task="proj.other", state="FAILURE")
        audit = make_results(12, task="proj.audit", age=900 * DAY)
        make_results(12, task="proj.imports.a", age=dt.timedelta(hours=2))
        make_results(3, state="REVOKED")
        setting = {
            "states": {"SUCCESS": "1 day", "FAILURE": "30 days"},
            "tasks": {"proj.audit": None, "proj.imports.*": {"SUCCESS": "1 hour"}},
        }
        expire(setting)
        assert left() == [*failed, *audit]

    def test_groups_go_by_their_own_age(self, make_results, expire, small):
        make_results(11, model=GroupResult)
        expire({"groups": "3 days"})
        assert len(left(GroupResult)) == 11
        expired, _ = expire()
        assert left(GroupResult) == []
        assert expired.groups == 11

    def test_the_celery_task_does_it(self, make_app, make_results, settings):
        settings.DJTASKQ = {"RESULTS_RETENTION": {"states": {"FAILURE": None}}}
        app = make_app(result_expires=3_600)
        make_results(3)
        make_results(3, model=GroupResult)
        failed = make_results(2, state="FAILURE")
        app.backend.cleanup()
        assert left() == failed
        assert left(GroupResult) == []

    def test_a_row_that_is_written_again_meanwhile_stays(self, make_results, expire, monkeypatch):
        keys = make_results(3)
        looked = sweeping.walk

        def walk(model, span, columns):
            for page in looked(model, span, columns):
                TaskResult.objects.filter(pk=keys[1]).update(date_done=timezone.now())
                yield page

        monkeypatch.setattr(retention, "walk", walk)
        expire()
        assert left() == [keys[1]]


class TestWhatIsKept:
    SETTING = {"tasks": {"proj.audit": None}}

    def test_it_is_looked_at_once_and_not_each_night(self, make_results, expire, small):
        kept = make_results(50, task="proj.audit", age=900 * DAY)
        make_results(5)
        assert expire(self.SETTING)[1] == 55
        assert expire(self.SETTING)[1] == 0
        RetentionMark.objects.update(swept_at=timezone.now() - DAY)
        make_results(5, age=DAY + dt.timedelta(hours=1))
        expired, looked_at = expire(self.SETTING)
        assert (expired.tasks, looked_at) == (5, 5)
        assert left() == kept

    def test_other_rules_look_at_all_again(self, make_results, expire):
        make_results(50, task="proj.audit", age=900 * DAY)
        expire(self.SETTING)
        expire({"tasks": {"proj.audit": "100 days"}})
        assert left() == []

    def test_now_and_then_all_is_looked_at_again(self, make_results, expire):
        expire(self.SETTING)
        make_results(5, age=900 * DAY)
        expire(self.SETTING)
        assert len(left()) == 5
        RetentionMark.objects.update(looked_at=timezone.now() - marks.LOOK_AGAIN - DAY)
        expire(self.SETTING)
        assert left() == []

    def test_and_when_it_is_asked_for(self, make_results, expire):
        expire(self.SETTING)
        make_results(5, age=900 * DAY)
        expire(self.SETTING, everything=True)
        assert left() == []

    def test_rows_of_one_and_the_same_time_are_each_looked_at_once(self, make_results, expire, small):
        keys = make_results(45, task="proj.audit")
        TaskResult.objects.update(date_done=timezone.now() - 3 * DAY)
        others = make_results(20, task="proj.other", age=3 * DAY)
        TaskResult.objects.filter(pk__in=others).update(
            date_done=TaskResult.objects.values_list("date_done", flat=True).get(pk=keys[0])
        )
        assert expire(self.SETTING)[1] == 65
        assert left() == keys

    def test_marks_of_rules_that_nobody_has_any_more_go(self, expire):
        long_ago = timezone.now() - 365 * DAY
        RetentionMark.objects.create(rules="old", swept_at=long_ago, looked_at=long_ago)
        expire(self.SETTING)
        assert RetentionMark.objects.count() == 1


class TestPlan:
    def test_a_page_comes_from_the_index_of_times(self, make_results, database, monkeypatch):
        monkeypatch.setattr(sweeping, "LOOK", 100)
        keys = make_results(3_000)
        analyze(database)
        times = dict(TaskResult.objects.values_list("pk", "date_done"))
        last = (keys[1_500], times[keys[1_500]])
        rows = TaskResult._base_manager.using(database)
        for asked in (
            sweeping.page(rows, Span(None, timezone.now()), None),
            sweeping.page(rows, Span(times[keys[10]], timezone.now()), None),
            sweeping.page(rows, Span(None, timezone.now()), last),
        ):
            plan = asked.explain()
            assert "django_cele_date_do_f59aad_idx" in plan, plan
            assert not any(sorting in plan for sorting in ("filesort", "TEMP B-TREE FOR ORDER BY")), plan

    def test_with_nothing_new_a_night_is_few_statements(self, make_results, expire, database):
        make_results(100, task="proj.audit")
        setting = {"tasks": {"proj.audit": None}}
        expire(setting)
        with CaptureQueriesContext(connections[database]) as captured:
            expire(setting, result_chord_expires=0)
        assert len(captured) <= 11, "\n".join(query["sql"][:100] for query in captured)
