"""What has expired goes, a few rows at a time, and what is kept costs nothing each night."""

import datetime as dt
import threading

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connections, models, transaction
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import GroupResult, TaskResult

from djtaskq_results import marks, retention, sweeping
from djtaskq_results.models import RetentionMark, TaskDetail
from djtaskq_results.spans import Span

DAY = dt.timedelta(days=1)


@pytest.fixture
def make_results(database):
    """Return a function that makes results `age` old, a millisecond apart, and returns their keys."""

    def make(count, *, age=2 * DAY, state="SUCCESS", task=None, model=TaskResult):
        first = timezone.now() - age
        told = {"status": state, "task_name": task} if model is TaskResult else {}
        key = "task_id" if model is TaskResult else "group_id"
        start = model.objects.count()
        ids = [f"{state} {number}" for number in range(start, start + count)]
        made = model.objects.bulk_create(model(**{key: one}, **told) for one in ids)
        rows = list(model.objects.filter(**{f"{key}__in": ids}).order_by("pk"))
        for number, row in enumerate(rows):
            row.date_done = first + number * dt.timedelta(milliseconds=1)
        # bulk_create and save set the time of writing; this does not.
        model.objects.bulk_update(rows, ["date_done"])
        assert len(made) == count
        return [row.pk for row in rows]

    return make


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(sweeping, "LOOK", 10)
    monkeypatch.setattr(sweeping, "MOST", 4)


def left(model=TaskResult):
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def policy(setting=None, *, expires=DAY, settings=None, **celery):
    settings.DJTASKQ = {"RESULTS_RETENTION": setting}
    return retention.policy(celery, expires)


@pytest.fixture
def expire(settings, database):
    """Return a function that cleans up by a setting and tells how many results were looked at."""

    def work(setting=None, *, everything=False, **celery):
        looked_at = []
        expired = retention.expire(
            policy(setting, settings=settings, **celery), everything=everything, told=looked_at.append
        )
        return expired, sum(looked_at)

    return work


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


def analyze(database):
    words = "ANALYZE TABLE" if connections[database].vendor == "mysql" else "ANALYZE"
    with connections[database].cursor() as cursor:
        cursor.execute(f"{words} django_celery_results_taskresult")
        if cursor.description:
            cursor.fetchall()


@pytest.fixture
def holding(database):
    """Return a function that has another connection hold a row until the test is over."""
    if not connections[database].features.has_select_for_update_skip_locked:
        pytest.skip("there is one writer at a time")
    ready, over = threading.Event(), threading.Event()

    def hold(key):
        with transaction.atomic(using=database):
            TaskResult.objects.select_for_update().get(pk=key)
            ready.set()
            over.wait(30)
        connections[database].close()

    threads = []

    def start(key):
        threads.append(threading.Thread(target=hold, args=[key]))
        threads[0].start()
        assert ready.wait(30)

    yield start
    over.set()
    for thread in threads:
        thread.join(30)


class TestOthers:
    def test_rows_that_somebody_holds_are_passed_over_and_are_the_next_round_s(
        self, make_results, expire, holding, small, database
    ):
        keys = make_results(10)
        # A statement that reads the whole table would wait for that row.
        young = make_results(2_000, age=dt.timedelta(hours=1))
        analyze(database)
        holding(keys[3])
        expire()
        assert left() == [keys[3], *young]
        assert not RetentionMark.objects.exists()

    def test_several_at_once_are_harmless(self, make_results, settings, database, small):
        make_results(60)
        kept = make_results(20, task="proj.audit")
        rules = policy({"tasks": {"proj.audit": None}}, settings=settings)
        done, errors = [], []

        def work():
            try:
                done.append(retention.expire(rules).tasks)
            except BaseException as error:
                errors.append(error)
                raise
            finally:
                connections[database].close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not errors
        assert left() == kept
        assert sum(done) == 60

    def test_what_is_kept_beside_a_result_goes_with_it(self, make_results, expire, small):
        make_results(9)
        make_results(1, age=dt.timedelta(hours=1))
        for task_id in TaskResult.objects.values_list("task_id", flat=True):
            TaskDetail.objects.create(task_id=task_id, created_at=timezone.now())
        expire()
        assert list(TaskDetail.objects.values_list("task_id", flat=True)) == [
            TaskResult.objects.get().task_id
        ]


@pytest.fixture
def refer(database):
    """Return a function that makes a table of somebody's whose rows refer to results; gives its model."""
    made = []

    def make(on_delete):
        class Remark(models.Model):
            result = models.ForeignKey(TaskResult, on_delete)

            class Meta:
                app_label = "tests"

            def __str__(self):
                return str(self.result_id)

        made.append(Remark)
        with connections[database].schema_editor() as editor:
            editor.create_model(Remark)
        return Remark

    yield make
    for model in made:
        with connections[database].schema_editor() as editor:
            editor.delete_model(model)
        del apps.all_models["tests"][model._meta.model_name]
    apps.clear_cache()


class TestThoseWhoRefer:
    def test_nobody_listens_and_a_batch_is_one_delete_that_loads_no_row(self, make_results, expire, database):
        make_results(100)
        with CaptureQueriesContext(connections[database]) as captured:
            expire()
        said = [query["sql"] for query in captured if "django_celery_results_taskresult" in query["sql"]]
        assert sum(sql.startswith("DELETE") for sql in said) == 1
        assert not any("traceback" in sql for sql in said)

    def test_their_rows_go_along(self, make_results, expire, refer, small):
        remark = refer(models.CASCADE)
        keys = make_results(9)
        young = make_results(1, age=dt.timedelta(hours=1))
        remark.objects.bulk_create(remark(result_id=key) for key in [*keys, *young])
        expire()
        assert left() == young
        assert [row.result_id for row in remark.objects.all()] == young

    @pytest.mark.parametrize("forbidding", [models.PROTECT, models.RESTRICT, models.DO_NOTHING])
    def test_what_they_hold_on_to_stays_and_holds_up_nothing(
        self, make_results, expire, refer, forbidding, small
    ):
        remark = refer(forbidding)
        keys = make_results(20)
        remark.objects.create(result_id=keys[7])
        expired, _ = expire()
        assert left() == [keys[7]]
        assert (expired.tasks, expired.protected) == (19, 1)
        remark.objects.all().delete()

    def test_receivers_hear_of_each_row_as_it_was(self, make_results, expire, small):
        make_results(9)
        heard = []

        def hear(instance, signal, **_kwargs):
            heard.append((signal is pre_delete, instance.task_id, instance.status))

        for signal in (pre_delete, post_delete):
            signal.connect(hear, sender=TaskResult)
        try:
            expire()
        finally:
            for signal in (pre_delete, post_delete):
                signal.disconnect(hear, sender=TaskResult)
        assert sorted(heard) == sorted(
            (first, f"SUCCESS {number}", "SUCCESS") for first in (True, False) for number in range(9)
        )


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
