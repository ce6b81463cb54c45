"""Messages go out a window at a time; what the broker did not take does not count as published."""

import datetime as dt
import json
import uuid

import pytest
from celery import Celery
from kombu import Connection, Exchange, Queue

from djtaskq_beat.message import Message
from djtaskq_beat.models import TaskRun
from djtaskq_beat.publisher import Publisher, outcome_of
from djtaskq_beat.store import Run
from djtaskq_beat.windows import Confirmed, OneByOne, Pipelined

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def run(number, queue="celery"):
    record = TaskRun(name=f"task {number}", slot=NOW + dt.timedelta(seconds=number), task_id=uuid.uuid4())
    return Run(record, Message("tests.noop", [number], {}, {"headers": {}, "queue": queue}, f"[{number}]"))


@pytest.fixture
def publisher_for():
    """Return a function that makes a publisher; all are closed after the test."""
    made = []

    def make(url, app=None, **options):
        app = app or Celery("windows", broker=url, set_as_current=False)
        app.conf.broker_transport_options = options
        made.append(Publisher(app))
        return made[-1]

    yield make
    for publisher in made:
        publisher.close()


def window_of(publisher):
    assert publisher.reachable()
    return type(publisher._window)


@pytest.fixture(params=["redis", "rabbitmq"])
def url(request):
    return request.getfixturevalue(f"{request.param}_url")


def ids(runs):
    return [str(one.record.task_id) for one in runs]


def taken(url, queue="celery"):
    found = []
    with Connection(url) as connection, connection.channel() as channel:
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            found.append(message.headers["id"])
    return found


def test_each_broker_gets_the_window_that_it_can_vouch_for(publisher_for, redis_url, rabbitmq_url):
    assert window_of(publisher_for(redis_url)) is Pipelined
    assert window_of(publisher_for(rabbitmq_url)) is Confirmed
    assert window_of(publisher_for(rabbitmq_url, confirm_publish=True)) is OneByOne
    assert window_of(publisher_for("memory://")) is OneByOne


@pytest.mark.parametrize("count", [1, 99, 100, 101, 750])
def test_everything_arrives_once_and_in_order(publisher_for, count, url):
    publisher, outcome = publisher_for(url), outcome_of([run(number) for number in range(count)])
    runs = list(outcome.waiting)
    publisher.publish(outcome, NOW)
    assert outcome.waiting == outcome.unsendable == outcome.refused == []
    assert ids(outcome.published) == ids(runs)
    assert taken(url) == ids(runs)


def test_a_queue_that_takes_no_more_keeps_nobody_back(publisher_for, rabbitmq_url):
    full = Queue(
        "full", Exchange(""), "full", queue_arguments={"x-max-length": 1, "x-overflow": "reject-publish"}
    )
    publisher = publisher_for(rabbitmq_url)
    publisher._app.conf.task_queues = [Queue("celery"), full]
    outcome = outcome_of([run(0), run(1, "full"), run(2, "full"), run(3)])
    first, second, third, fourth = outcome.waiting
    publisher.publish(outcome, NOW)
    assert ids(outcome.published) == ids([first, fourth])
    assert ids(outcome.unsendable) == ids([second, third])
    assert set(taken(rabbitmq_url)) == set(ids([first, fourth]))


def test_a_message_that_no_broker_takes_is_refused_and_its_window_goes_out(publisher_for, url):
    bad = run(1)
    bad.message.args.append(object())
    outcome = outcome_of([run(0), bad, run(2)])
    good = [outcome.waiting[0], outcome.waiting[2]]
    publisher_for(url).publish(outcome, NOW)
    assert ids(outcome.published) == ids(good)
    assert [refusal.record.pk for refusal in outcome.refused] == [bad.record.pk]


def test_a_connection_that_broke_while_idle_is_made_anew(publisher_for, servers, redis_url):
    publisher = publisher_for(redis_url)
    publisher.publish(outcome_of([run(0)]), NOW)
    servers.use("redis").command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    outcome = outcome_of([run(1), run(2)])
    publisher.publish(outcome, NOW)
    assert len(outcome.published) == 2
    assert len(taken(redis_url)) == 3


def test_events_show_the_arguments_as_celery_does(publisher_for, redis_url):
    app = Celery("windows", broker=redis_url, set_as_current=False)

    @app.task(name="tests.noop", shared=False)
    def noop(*args):
        return args

    publisher_for(redis_url, app).publish(outcome_of([run(7)]), NOW)
    with app.connection_for_write() as connection:
        noop.apply_async((7,), connection=connection)
    app.tasks.unregister("tests.noop")
    publisher_for(redis_url, app).publish(outcome_of([run(7)]), NOW)
    with app.connection_for_write() as connection:
        app.send_task("tests.noop", [7], connection=connection)
    with Connection(redis_url) as connection, connection.channel() as channel:
        shown = []
        while (message := channel.basic_get("celery", no_ack=True)) is not None:
            shown.append((message.headers["argsrepr"], message.headers["kwargsrepr"]))
            assert json.loads(message.body)[0] == [7]
    assert shown == [("(7,)", "{}"), ("(7,)", "{}"), ("[7]", "{}"), ("[7]", "{}")]
