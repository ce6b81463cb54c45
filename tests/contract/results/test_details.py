"""What is kept beside a task's row, on every database."""

import datetime as dt
import json

import pytest
from celery import states
from celery.exceptions import Retry
from django.db import connections
from django.test.utils import CaptureQueriesContext

from djtaskq_results import details
from djtaskq_results.models import TaskDetail
from tests.contract.results.conftest import protocol_1, protocol_2
from tests.contract.results.test_storing import statements

SENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _wanted(settings):
    settings.DJTASKQ = {"RESULTS_DETAILS": True}


def message(task_id, of=protocol_2, **more):
    given = {
        "root_id": "root",
        "parent_id": "parent",
        "group": "group",
        "group_index": 3,
        "delivery_info": {"exchange": "", "routing_key": "slow", "priority": 5},
        "eta": SENT.isoformat(),
        "expires": None,
        details.SENT: SENT.timestamp(),
        details.RECEIVED: SENT.timestamp() + 1.5,
    }
    return of(task_id, **{**given, **more})


def detail(task_id):
    return TaskDetail.objects.get(task_id=task_id)


def test_what_the_message_says_is_kept(backend, task_id):
    backend.mark_as_done(task_id, 1, message(task_id, retries=2))
    kept = detail(task_id)
    assert (kept.root_id, kept.parent_id, kept.group_id, kept.group_index) == ("root", "parent", "group", 3)
    assert (kept.queue, kept.routing_key, kept.priority, kept.retries) == ("slow", "slow", 5, 2)
    assert (kept.sent_at, kept.received_at - kept.sent_at) == (SENT, dt.timedelta(seconds=1.5))
    assert (kept.eta, kept.expires_at) == (SENT, None)
    assert kept.args is kept.kwargs is None


def test_a_message_of_the_old_form_says_less(backend, task_id):
    more = {details.SENT: None, details.RECEIVED: None, "eta": None, "group_index": None, "root_id": None}
    backend.mark_as_done(task_id, 1, message(task_id, protocol_1, **more))
    kept = detail(task_id)
    assert (kept.queue, kept.sent_at, kept.root_id) == ("slow", None, None)


def test_attempts_are_the_times_that_the_task_was_started(backend, task_id):
    backend.store_result(task_id, None, states.STARTED, request=message(task_id))
    backend.mark_as_retry(task_id, Retry("again"), "trace", message(task_id))
    backend.store_result(task_id, None, states.STARTED, request=message(task_id, retries=1))
    backend.mark_as_done(task_id, 1, message(task_id, retries=1))
    # The first attempt's, come late.
    backend.store_result(task_id, None, states.STARTED, request=message(task_id))
    kept = detail(task_id)
    assert (kept.attempts, kept.retries) == (2, 1)


def test_a_writer_that_knows_less_forgets_nothing(backend, task_id):
    backend.store_result(task_id, None, states.STARTED, request=message(task_id))
    backend.store_result(task_id, None, "PROGRESS", request=protocol_2(task_id, delivery_info=None))
    backend.mark_as_revoked(task_id, "revoked")
    kept = detail(task_id)
    assert (kept.root_id, kept.queue, kept.sent_at, kept.attempts) == ("root", "slow", SENT, 1)


def test_real_arguments_are_kept_as_they_were_sent(backend, task_id, settings):
    settings.DJTASKQ = {"RESULTS_STORE_ARGUMENTS": True}
    args = [1, "nul \x00 lone \ud800", {"漢": None}]
    request = message(task_id, args=args, kwargs={"b": [2]})
    backend.store_result(task_id, None, states.STARTED, request=request)
    args.append("changed by the task as it ran")
    backend.mark_as_done(task_id, 1, request)
    kept = detail(task_id)
    assert (json.loads(kept.args), json.loads(kept.kwargs)) == (args[:3], {"b": [2]})


@pytest.mark.parametrize("args", [[object()], ["x" * (details.MOST_ARGUMENTS + 1)]], ids=["object", "long"])
def test_arguments_that_cannot_be_kept_cost_no_result(backend, task_id, settings, args):
    settings.DJTASKQ = {"RESULTS_STORE_ARGUMENTS": True}
    backend.mark_as_done(task_id, 1, message(task_id, args=args))
    assert backend.get_result(task_id) == 1
    assert detail(task_id).args is None


def test_hostile_messages_cost_no_result(backend, task_id):
    wrong = {
        "root_id": "nul \x00" + "r" * 500,
        "group_index": 2**40,
        "retries": "many",
        "eta": "tomorrow",
        "expires": 1e300,
        "delivery_info": {"exchange": None, "routing_key": "\ud800" * 500, "priority": "high"},
    }
    backend.mark_as_done(task_id, 1, message(task_id, **wrong))
    kept = detail(task_id)
    assert backend.get_result(task_id) == 1
    assert kept.group_index is kept.eta is kept.expires_at is kept.priority is None
    assert kept.retries == 0
    assert len(kept.root_id) == 255
    assert kept.routing_key.endswith("…")


def test_a_queue_is_found_by_its_binding(app, backend, task_id):
    from kombu import Exchange, Queue

    app.conf.task_queues = [Queue("slow", Exchange("work"), routing_key="work.slow"), Queue("other")]
    delivery = {"exchange": "work", "routing_key": "work.slow"}
    backend.mark_as_done(task_id, 1, message(task_id, delivery_info=delivery))
    assert detail(task_id).queue == "slow"
    backend.mark_as_done("another", 1, message("another", delivery_info={**delivery, "routing_key": "x.y"}))
    assert detail("another").queue is None


def test_it_takes_no_statement_more_where_the_database_can(backend, database, task_id):
    backend.mark_as_done("another", 1, message("another"))  # asks once what there is
    with CaptureQueriesContext(connections[database]) as queries:
        backend.mark_as_done(task_id, 1, message(task_id))
    assert len(statements(queries)) == (1 if database == "default" else 2), queries.captured_queries


def test_what_is_forgotten_is_forgotten_whole(backend, task_id):
    backend.mark_as_done(task_id, 1, message(task_id))
    backend.forget(task_id)
    assert not TaskDetail.objects.exists()


def test_nothing_is_kept_unless_it_is_wanted(backend, task_id, settings):
    settings.DJTASKQ = {}
    backend.mark_as_done(task_id, 1, message(task_id))
    assert not TaskDetail.objects.exists()


def test_a_message_is_stamped_as_it_is_sent(app, backend, settings):
    headers = {}
    details.stamp_sent(headers=headers)
    assert headers[details.SENT] == pytest.approx(dt.datetime.now(dt.UTC).timestamp(), abs=60)
    settings.DJTASKQ = {}
    details.stamp_sent(headers=(bare := {}))
    assert not bare
