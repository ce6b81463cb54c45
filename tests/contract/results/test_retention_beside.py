"""Retention beside those who hold rows, refer to them or listen."""

import datetime as dt
import threading

import pytest
from django.apps import apps
from django.db import connections, models, transaction
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq_results import retention
from djtaskq_results.models import RetentionMark, TaskDetail
from tests.contract.results.ageing import analyze, left, policy


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
