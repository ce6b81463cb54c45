"""What people ask of results, in the words in which they ask it."""

import datetime as dt
import statistics

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq_results.models import TaskDetail
from djtaskq_results.queries import results
from tests.contract.results.conftest import protocol_2

HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def make(database):
    """Return a function that makes a result that took `runtime` seconds, `ago`."""

    def result(task_id, *, state="SUCCESS", runtime=None, ago=HOUR, **columns):
        TaskResult.objects.create(task_id=task_id, status=state, **columns)
        done = timezone.now() - ago
        started = None if runtime is None else done - runtime * SECOND
        TaskResult.objects.filter(task_id=task_id).update(date_done=done, date_started=started)

    return result


def ids(rows):
    return sorted(row.task_id for row in rows)


def test_by_state(make):
    for state in ("SUCCESS", "FAILURE", "REVOKED", "STARTED", "RETRY", "PROGRESS"):
        make(state, state=state)
    assert ids(results().succeeded()) == ["SUCCESS"]
    assert ids(results().failed()) == ["FAILURE"]
    assert ids(results().revoked()) == ["REVOKED"]
    assert ids(results().running()) == ["STARTED"]
    assert ids(results().ended()) == ["FAILURE", "REVOKED", "SUCCESS"]
    assert ids(results().in_state("PROGRESS", "RETRY")) == ["PROGRESS", "RETRY"]


def test_by_name_and_worker(make):
    make("a", task_name="proj.a", periodic_task_name="hourly", worker="one@host")
    make("b", task_name="proj.b", periodic_task_name="daily", worker="two@host")
    assert ids(results().by_task("proj.a")) == ids(results().by_periodic_task("hourly")) == ["a"]
    assert ids(results().by_worker("two@host")) == ["b"]
    assert ids(results().by_task("proj.a", "proj.b")) == ["a", "b"]


def test_by_time(make):
    make("new", ago=HOUR)
    make("old", ago=3 * HOUR)
    assert ids(results().since(2 * HOUR)) == ids(results().since(timezone.now() - 2 * HOUR)) == ["new"]
    assert ids(results().until(2 * HOUR)) == ids(results().until(timezone.now() - 2 * HOUR)) == ["old"]


def test_by_runtime(make):
    make("fast", runtime=1)
    make("slow", runtime=90)
    make("failed", runtime=90, state="FAILURE")
    make("running", runtime=900, state="STARTED")
    make("unknown")
    assert ids(results().slower_than(60)) == ids(results().slower_than(60 * SECOND)) == ["failed", "slow"]
    assert results().failed().with_runtime().get().runtime == 90 * SECOND


def test_verbs_go_on_from_each_other_and_from_anybody_s_rows(make):
    make("a", state="FAILURE", task_name="proj.a")
    make("b", state="FAILURE", task_name="proj.b")
    make("c", state="FAILURE", task_name="proj.a", ago=9 * HOUR)
    assert ids(results().failed().since(2 * HOUR).by_task("proj.a").order_by("pk")[:1]) == ["a"]
    own = TaskResult.objects.filter(task_name="proj.a").exclude(task_id="c")
    assert ids(results(own).failed()) == ["a"]


class TestPercentiles:
    def test_they_are_those_of_statistics(self, make):
        runtimes = [0.5, 1, 2, 3.25, 8, 13, 21, 34, 55, 89.125]
        for number, seconds in enumerate(runtimes):
            make(str(number), runtime=seconds)
        make("running", runtime=900, state="STARTED")
        found = results().order_by("task_id").runtime_percentiles(0, 50, 90, 99, 100)
        parts = statistics.quantiles(runtimes, n=100, method="inclusive")
        assert found == {
            0: pytest.approx(0.5, abs=1e-5),
            50: pytest.approx(parts[49], abs=1e-5),
            90: pytest.approx(parts[89], abs=1e-5),
            99: pytest.approx(parts[98], abs=1e-5),
            100: pytest.approx(89.125, abs=1e-5),
        }

    def test_of_one_and_of_none(self, make):
        assert results().runtime_percentiles(50, 99) == {50: None, 99: None}
        make("one", runtime=3)
        assert results().runtime_percentiles(50, 99) == {50: 3.0, 99: 3.0}
        assert results().runtime_percentiles() == {}

    def test_they_cost_what_is_said(self, make, database):
        for number in range(5):
            make(str(number), runtime=number)
        with CaptureQueriesContext(connections[database]) as captured:
            results().runtime_percentiles(50, 90, 99)
        assert len(captured) == (1 if database == "default" else 4)

    @pytest.mark.parametrize("percent", [-1, 101, float("nan")])
    def test_what_is_no_percentile_is_refused(self, percent, database):
        with pytest.raises(ValueError, match="from 0 to 100"):
            results().runtime_percentiles(50, percent)


def test_states_are_counted_by_task(make, django_assert_num_queries, database):
    for number in range(3):
        make(f"a {number}", task_name="proj.a")
    make("b", task_name="proj.a", state="FAILURE")
    make("c")
    with django_assert_num_queries(1, using=database):
        counted = results().states_by_task()
    assert counted == {"proj.a": {"SUCCESS": 3, "FAILURE": 1}, None: {"SUCCESS": 1}}


class TestDecoded:
    def test_values_come_from_json(self, backend, make_app):
        backend.store_result("one", {"a": [1, 2]}, "SUCCESS", request=protocol_2("one"))
        make_app("pickle").backend.store_result("two", {1}, "SUCCESS", request=protocol_2("two"))
        one, two = results().order_by("pk").decoded()
        assert (one.task_id, one.state, one.result) == ("one", "SUCCESS", {"a": [1, 2]})
        assert (one.args, one.kwargs) == ("(1, {'a': 2})", "{'b': 3}")
        assert two.result == TaskResult.objects.get(task_id="two").result

    def test_real_arguments_come_first(self, make):
        make("one", task_args='"(1,)"', content_type="application/json")
        TaskDetail.objects.create(task_id="one", args="[1]", kwargs='{"b": 2}', created_at=timezone.now())
        (one,) = results().decoded()
        assert (one.args, one.kwargs) == ([1], {"b": 2})

    def test_many_are_two_statements_a_batch_and_keep_their_order(
        self, make, django_assert_num_queries, database
    ):
        for number in range(7):
            make(f"{number}", content_type="application/json", result=str(number))
        with django_assert_num_queries(4, using=database):
            found = list(results().order_by("-task_id").decoded(batch=3))
        assert [row.result for row in found] == [6, 5, 4, 3, 2, 1, 0]
        assert list(results().none().decoded()) == []
