"""Workers and queues, commands that nobody can mean, and a broker that is away."""

import datetime as dt
import time
from http import HTTPStatus

from celery import Celery
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from djtaskq_monitor.models import QueueState, WorkerState
from djtaskq_monitor.recording import given
from tests.contract.monitor.api.mounted import said


def test_workers_by_status_without_asking_them(database, ask):
    now = timezone.now()
    WorkerState.objects.merge([given.worker_change("on@h", now)])
    WorkerState.objects.merge([given.worker_change("lost@h", now - dt.timedelta(hours=1))])
    assert said(ask("workers", status=1), HTTPStatus.OK) == {"lost@h": False, "on@h": True}
    assert said(ask("workers", status="maybe"), HTTPStatus.BAD_REQUEST)
    assert said(ask("workers", workername="no@h"), HTTPStatus.NOT_FOUND) == {"error": "Unknown worker 'no@h'"}
    assert said(ask("workers"), HTTPStatus.OK) == {}


def test_a_worker_that_is_silent_is_said_and_stands_in_the_log(database, ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    answered = said(ask("worker/pool/grow/on@h", post={"n": 2}), HTTPStatus.GATEWAY_TIMEOUT)
    assert "did not answer" in answered["error"]
    entry = LogEntry.objects.get()
    assert entry.user.username == "operator"
    assert entry.object_repr == "on@h"
    assert "Grow the pool by 2 (API token 'ask'): on@h: silent" in entry.change_message


NOT_COMMANDS = [
    ("worker/pool/grow/on@h", {"n": "x"}),
    ("worker/pool/grow/on@h", {"n": 0}),
    ("worker/pool/autoscale/on@h", {"min": 1}),
    ("worker/pool/autoscale/on@h", {"min": 3, "max": 1}),
    ("worker/queue/add-consumer/on@h", {}),
    ("task/timeout/a.b", {"workername": "on@h"}),
    ("task/timeout/a.b", {"workername": "on@h", "soft": "nan"}),
    ("task/rate-limit/a.b", {"workername": "on@h", "ratelimit": "often"}),
    ("task/rate-limit/a.b", {"ratelimit": "1/s"}),
    ("task/revoke/x", {"terminate": "perhaps"}),
    ("task/revoke/x", {"terminate": 1, "signal": "SIGWRONG"}),
]


def test_commands_that_nobody_can_mean_are_not_given(database, ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    for what, post in NOT_COMMANDS:
        assert said(ask(what, post=post), HTTPStatus.BAD_REQUEST)["error"]
    assert not LogEntry.objects.exists()


def test_queues_as_a_camera_was_told(database, ask):
    QueueState.objects.create(name="a&b", length=3, unacked=1)
    assert said(ask("queues/length"), HTTPStatus.OK) == {
        "active_queues": [
            {
                "name": "a&b",
                "messages": 3,
                "messages_ready": 3,
                "messages_unacknowledged": 1,
                "consumers": None,
            }
        ]
    }


def test_queues_as_the_broker_says_where_no_camera_asks(ask):
    (queue,) = said(ask("queues/length"), HTTPStatus.OK)["active_queues"]
    assert queue["name"] == "celery"


ASKING_THE_BROKER = [
    ("queues/length", None),
    ("workers", None),
    ("task/revoke/x", {}),
    ("task/send-task/a.b", {}),
    ("worker/shutdown/on@h", {}),
]


def test_a_broker_that_is_away_is_told_in_time(database, ask):
    WorkerState.objects.merge([given.worker_change("on@h", timezone.now())])
    Celery("away", broker="redis://127.0.0.1:1/").set_current()
    for what, post in ASKING_THE_BROKER:
        began = time.monotonic()
        response = ask(what, json=post) if "send" in what else ask(what, post=post)
        assert said(response, HTTPStatus.SERVICE_UNAVAILABLE)["error"]
        assert time.monotonic() - began < 10
