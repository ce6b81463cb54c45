"""Operations on more results than are done at once: in the background, once, stopped and gone on with."""

import uuid

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult
from kombu.exceptions import OperationalError

from djtaskq_results import operations
from djtaskq_results.admin import actions
from djtaskq_results.models import Operation, Rerun, TaskDetail
from tests.contract.results.acting import ask, catch_sent, do, person, result, told


@pytest.fixture
def sent(monkeypatch):
    return catch_sent(monkeypatch)


class TestMany:
    @pytest.fixture(autouse=True)
    def few_at_once(self, monkeypatch):
        monkeypatch.setattr(actions, "AT_ONCE", 2)
        monkeypatch.setattr(operations, "BATCH", 3)

    @pytest.fixture
    def published(self, monkeypatch):
        """The operations that were handed to a worker."""
        found = []
        monkeypatch.setattr(
            actions.proceed, "apply_async", lambda args, **_: found.append(uuid.UUID(args[0]))
        )
        return found

    def test_all_that_match_go_in_the_background(self, operator, published):
        for number in range(8):
            result(f"failed-{number}", "FAILURE")
        kept = result("well", "SUCCESS")
        response = do(operator, "forget", select_across="1", query="?status=FAILURE")
        (operation,) = Operation.objects.all()
        assert response["Location"] == reverse("admin:djtaskq_results_operation_change", args=[operation.pk])
        assert published == [operation.pk]
        assert TaskResult.objects.count() == 9
        assert "waiting for a worker" in operator.get(response["Location"]).content.decode()
        operations.proceed(operation.pk, current_app)
        assert list(TaskResult.objects.values_list("pk", flat=True)) == [kept.pk]
        page = operator.get(response["Location"]).content.decode()
        assert "8 done, 0 left out" in page
        assert LogEntry.objects.filter(object_id=str(operation.pk)).count() == 1

    def test_what_came_after_the_question_is_left_alone(self, operator, published, sent):
        for number in range(4):
            result(f"old-{number}", "FAILURE")
        up_to = ask(operator, "run_again", select_across="1", query="?status=FAILURE").context["up_to"]
        result("new", "FAILURE")
        do(operator, "run_again", select_across="1", query="?status=FAILURE", up_to=up_to)
        operations.proceed(published[0], current_app)
        assert sorted(Rerun.objects.values_list("original_id", flat=True)) == [f"old-{n}" for n in range(4)]

    def test_every_filter_of_the_list_is_one_of_the_operation(self, operator, published):
        for task_id in ("a-1", "a-2", "a-3", "b-1"):
            result(task_id, "FAILURE", worker="one@host")
            TaskDetail.objects.create(task_id=task_id, queue="slow", created_at=timezone.now())
        query = "?status=FAILURE&task_name=shop.charge&worker=one@host&queue=slow&since=1h&q=a-"
        do(operator, "forget", select_across="1", query=query)
        operations.proceed(published[0], current_app)
        assert list(TaskResult.objects.values_list("task_id", flat=True)) == ["b-1"]

    def test_a_filter_that_a_worker_would_not_know_is_refused(self, operator, published):
        for number in range(4):
            result(str(number))
        do(operator, "forget", select_across="1", query="?date_created__year=1999")
        assert not Operation.objects.exists()
        assert "Select page by page" in told(operator)[0]

    def test_run_twice_it_is_done_once(self, operator, published, sent):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        operations.proceed(published[0], current_app)
        operations.proceed(published[0], current_app)
        assert len(sent["tasks"]) == 7
        assert Operation.objects.get().done == 7

    def test_a_second_runner_waits_for_the_first_to_die(self, operator, published, sent):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        Operation.objects.update(runner=uuid.uuid4(), held_until=timezone.now() + operations.HELD)
        operations.proceed(published[0], current_app)
        assert sent["tasks"] == []
        Operation.objects.update(held_until=timezone.now() - operations.HELD)
        operations.proceed(published[0], current_app)
        assert len(sent["tasks"]) == 7

    def test_a_broker_that_goes_away_leaves_the_rest_for_later(self, operator, published, sent, monkeypatch):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        publish = current_app.send_task

        def fail_at_the_fifth(*args, **options):
            if len(sent["tasks"]) == 4:
                raise OperationalError("gone")
            publish(*args, **options)

        monkeypatch.setattr(current_app, "send_task", fail_at_the_fifth)
        with pytest.raises(OperationalError):
            operations.proceed(published[0], current_app)
        operation = Operation.objects.get()
        assert operation.done == 3
        assert "broker cannot be reached" in operation.problem
        monkeypatch.setattr(current_app, "send_task", publish)
        operations.proceed(published[0], current_app)
        ids = [options["task_id"] for *_, options in sent["tasks"]]
        assert len(ids) == len(set(ids)) == 7
        assert Operation.objects.get().done == 7

    def test_it_can_be_stopped_and_told_to_go_on_by_those_who_may(self, operator, client, published, sent):
        for number in range(7):
            result(str(number))
        do(operator, "run_again", select_across="1")
        stop = reverse("admin:djtaskq_results_operation_stop", args=published)
        go_on = reverse("admin:djtaskq_results_operation_go_on", args=published)
        client.force_login(person("view_taskresult", "view_operation", name="viewer"))
        assert client.post(stop).status_code == 403
        assert client.post(go_on).status_code == 403
        client.force_login(User.objects.get(username="ann"))
        assert client.get(stop).status_code == 405
        assert client.post(go_on).status_code == 302
        assert len(published) == 2
        assert client.post(stop).status_code == 302
        operations.proceed(published[0], current_app)
        assert sent["tasks"] == []
        assert (
            "stopped"
            in client.get(
                reverse("admin:djtaskq_results_operation_change", args=published[:1])
            ).content.decode()
        )

    def test_others_do_not_see_it_without_the_right_to(self, operator, client, published):
        for number in range(4):
            result(str(number))
        do(operator, "forget", select_across="1")
        page = reverse("admin:djtaskq_results_operation_change", args=published)
        assert operator.get(page).status_code == 200
        client.force_login(person("view_taskresult", name="other"))
        assert client.get(page).status_code == 403
