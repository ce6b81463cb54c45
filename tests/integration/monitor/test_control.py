"""Commands on real workers, over RabbitMQ and over Redis: one worker for each broker, for all tests here."""

import os
import signal
import time

import pytest
from celery import Celery
from celery.worker.control import Panel

from djtaskq_monitor.control import limits
from djtaskq_monitor.control.asking import BrokerAway, Kind, Question, ask, ask_one
from djtaskq_monitor.control.commands import COMMANDS, NEVER, customs
from djtaskq_monitor.control.sending import send
from tests.integration.monitor import controlapp
from tests.integration.monitor.controlling import NAME
from tests.waiting import eventually

APP = "tests.integration.monitor.controlapp"
SLOW, LIMITED = f"{APP}.slow", f"{APP}.limited"


def told(app, name, values=None, workers=(NAME,), seconds=10):
    """The one answer to a command."""
    outcome = send(app, COMMANDS[name], values or {}, workers, seconds=seconds)
    assert not outcome.problem
    (answer,) = outcome.answers
    return answer


def asked(control_app, method, **arguments):
    answer = ask_one(control_app, Question(method=method, arguments=arguments), NAME, seconds=10)
    assert answer.kind == Kind.ANSWERED
    return answer.value


def limits_of(control_app, name):
    return limits.read(asked(control_app, "registered", taskinfoitems=list(limits.ATTRIBUTES)))[name]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("ping", {}, "pong"),
        ("report", {}, "software -> celery:"),
        ("query-task", {"ids": ["nobody"]}, "{}"),
        ("clock", {}, "clock"),
        ("heartbeat", {}, ""),
        ("enable-events", {}, "task events"),
        ("disable-events", {}, "task events"),
        ("rate-limit", {"task_name": SLOW, "rate_limit": "10/m"}, "new rate limit set successfully"),
        ("add-consumer", {"queue": "other", "exchange": "x", "routing_key": "k"}, "add consumer other"),
        ("cancel-consumer", {"queue": "other"}, "no longer consuming from other"),
        ("pool-grow", {"n": 1}, "pool will grow"),
        ("pool-shrink", {"n": 1}, "pool will shrink"),
        ("revoke", {"task_id": ["nobody"], "terminate": False}, "flagged as revoked"),
        ("terminate", {"task_id": ["nobody"], "terminate": True, "signal": "SIGTERM"}, "tasks unknown"),
        ("revoke-stamped", {"headers": {"tenant": ["7"]}, "terminate": False}, "flagged as revoked"),
        (
            "terminate-stamped",
            {"headers": {"tenant": ["7"]}, "terminate": True, "signal": "SIGTERM"},
            "were not terminated",
        ),
        ("pool-restart", {}, "reload started"),
    ],
)
def test_a_worker_does_what_it_is_told_and_says_so(control_app, name, values, said):
    answer = told(control_app, name, values)
    assert (answer.worker, answer.kind) == (NAME, Kind.ANSWERED)
    assert said in answer.text


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("autoscale", {"max": 3, "min": 1}, "Autoscale not enabled"),
        ("rate-limit", {"task_name": "nope", "rate_limit": "1/s"}, "unknown task"),
        ("soft-time-limit", {"task_name": "nope", "seconds": 1.0}, "unknown task"),
    ],
)
def test_a_worker_that_refuses_is_heard(control_app, name, values, reason):
    answer = told(control_app, name, values)
    assert answer.kind == Kind.REFUSED
    assert reason in answer.text


def test_each_time_limit_leaves_the_other_one_alone(control_app):
    assert limits_of(control_app, LIMITED) == limits.Limits(LIMITED, "7/m", 400, 500)
    told(control_app, "soft-time-limit", {"task_name": LIMITED, "seconds": 30.5})
    assert limits_of(control_app, LIMITED)[2:] == (30.5, 500)
    told(control_app, "hard-time-limit", {"task_name": LIMITED, "seconds": 60.0})
    assert limits_of(control_app, LIMITED)[2:] == (30.5, 60)
    told(control_app, "soft-time-limit", {"task_name": LIMITED, "seconds": None})
    assert limits_of(control_app, LIMITED)[2:] == (None, 60)


def test_a_rate_limit_is_kept_as_it_was_typed_and_taken_off(control_app):
    told(control_app, "rate-limit", {"task_name": SLOW, "rate_limit": "10/m"})
    assert limits_of(control_app, SLOW).rate == "10/m"
    told(control_app, "rate-limit", {"task_name": SLOW, "rate_limit": 0})
    assert limits_of(control_app, SLOW).rate in {None, "0"}


def test_a_queue_is_consumed_from_with_all_that_was_given(control_app):
    values = {
        "queue": "q2",
        "exchange": "x2",
        "exchange_type": "topic",
        "routing_key": "a.#",
        "durable": False,
    }
    told(control_app, "add-consumer", values)
    (found,) = eventually(
        lambda: [each for each in asked(control_app, "active_queues") if each["name"] == "q2"]
    )
    assert (found["exchange"]["name"], found["exchange"]["type"]) == ("x2", "topic")
    assert (found["routing_key"], found["durable"]) == ("a.#", False)
    told(control_app, "cancel-consumer", {"queue": "q2"})
    eventually(lambda: "q2" not in [each["name"] for each in asked(control_app, "active_queues")])


def test_a_running_task_is_terminated_and_one_that_waits_is_revoked(control_app):
    running = control_app.send_task(SLOW, (60,)).id
    eventually(
        lambda: [each for each in asked(control_app, "active", safe=True) if each["id"] == running],
        timeout=20,
    )
    told(control_app, "revoke", {"task_id": [running], "terminate": False})
    assert running in asked(control_app, "revoked")
    assert [each["id"] for each in asked(control_app, "active", safe=True)] == [running]
    told(control_app, "terminate", {"task_id": [running], "terminate": True, "signal": "SIGKILL"})
    eventually(lambda: not asked(control_app, "active", safe=True), timeout=20)


def test_ids_go_in_portions_and_all_of_them_arrive(control_app):
    ids = [f"bulk-{number}" for number in range(450)]
    assert told(control_app, "revoke", {"task_id": ids, "terminate": False}).kind == Kind.ANSWERED
    assert set(ids) <= set(asked(control_app, "revoked"))


def test_commands_of_the_project_s_own_are_there_and_none_that_is_dangerous(control_app):
    found = customs(controlapp.app)
    assert {"custom-increase_level", "custom-current_level"} <= found.keys()
    methods = {command.method for command in (*COMMANDS.values(), *found.values())}
    assert {"election", "hello"} <= NEVER
    assert not methods & NEVER
    form = found["custom-increase_level"].form({"n": "4"})
    assert form.is_valid(), form.errors
    outcome = send(control_app, found["custom-increase_level"], form.arguments(), [NAME], seconds=10)
    assert outcome.answers[0].value == "level 5"
    assert not found["custom-increase_level"].form({"n": "many"}).is_valid()
    outcome = send(control_app, found["custom-current_level"], {}, [NAME], seconds=10)
    assert outcome.answers[0].value == {"level": 3}


def test_every_command_of_celery_s_is_given_asked_in_a_tab_or_left_out_for_a_reason():
    celerys = {name for name, fun in Panel.data.items() if fun.__module__ == "celery.worker.control"}
    aliases = {meta.alias for meta in Panel.meta.values()}
    in_tabs = {"stats", "conf", "active", "reserved", "scheduled", "revoked", "registered", "active_queues"}
    # Revoking does it, with a signal.
    as_others = {"terminate"}
    ours = {command.method for command in COMMANDS.values()}
    assert celerys - aliases == ours | in_tabs | NEVER | as_others


def test_a_stopped_worker_is_said_to_be_silent_within_the_bound_and_its_neighbour_is_heard(
    control_app, start_worker
):
    second = start_worker("w2@control", "--pool=solo")
    os.kill(second.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answers = ask(control_app, Question(method="ping"), [NAME, "w2@control"], seconds=1)[0]
        took = time.monotonic() - began
    finally:
        os.kill(second.pid, signal.SIGCONT)
    assert {answer.worker: answer.kind for answer in answers} == {
        NAME: Kind.ANSWERED,
        "w2@control": Kind.SILENT,
    }
    assert took < 3
    # What it answers late is no answer to the next question.
    answers = ask(control_app, Question(method="clock"), [NAME, "w2@control"], seconds=10)[0]
    assert all("clock" in answer.value for answer in answers)
    assert told(control_app, "shutdown", workers=["w2@control"]).kind == Kind.UNANSWERED
    assert second.wait(30) == 0


# RabbitMQ lets no second one of that name come up: its queue for commands is exclusive.
@pytest.mark.parametrize("control_broker", ["redis"], indirect=True)
def test_two_workers_of_one_name_are_told(control_app, start_worker):
    twin = start_worker(NAME, "--pool=solo")
    eventually(lambda: ask_one(control_app, Question(method="ping"), NAME, seconds=2).twins == 1)
    twin.stop()


def test_a_worker_with_autoscale_is_told_its_range(control_app, start_worker):
    scaled = start_worker("w3@control", "--autoscale=3,1")
    answer = told(control_app, "autoscale", {"max": 4, "min": 2}, workers=["w3@control"])
    assert answer.value == "autoscale now max=4 min=2"
    answer = told(control_app, "pool-grow", {"n": 1}, workers=["w3@control"])
    assert (answer.kind, "not supported with autoscale" in answer.text) == (Kind.REFUSED, True)
    scaled.kill()


@pytest.mark.parametrize("url", ["amqp://guest@127.0.0.1:1//", "redis://127.0.0.1:1/0"])
def test_a_broker_that_is_away_is_said_at_once(url):
    client = Celery("away", broker=url, set_as_current=False)
    began = time.monotonic()
    with pytest.raises(BrokerAway, match="refused"):
        ask(client, Question(method="ping"), [NAME])
    assert time.monotonic() - began < 5
