"""What each kind of broker tells, against the real one: the same questions for all of them."""

import pytest
from celery import Celery
from kombu import Exchange, Queue

from djtaskq_monitor.brokers.choosing import asking
from djtaskq_monitor.brokers.figures import CannotPeek
from tests.contract.monitor.brokering import KINDS
from tests.waiting import eventually

# The management API tells of changes a few seconds late: it need not do so in every test.
at_once = pytest.mark.parametrize("broker", sorted({*KINDS} - {"management"}), indirect=True)


KNOWS_HELD = {"redis", "redis-prefixed", "management"}
KNOWS_CONSUMERS = {"amqp", "management"}


@at_once
def test_what_waits_is_counted_queue_by_queue(broker):
    for number in range(3):
        broker.send("first", number)
    broker.send("second.with.dots")

    def counted():
        with broker.ask() as asked:
            told = asked.figures(["first", "second.with.dots", "nobody"])
        assert {name: figures.length for name, figures in told.items()} == {
            "first": 3,
            "second.with.dots": 1,
            "nobody": 0,
        }
        assert not any(figures.problem for figures in told.values())
        return True

    eventually(counted)


def test_what_a_worker_holds_is_told_apart_where_the_broker_knows(broker):
    broker.send("first", 1)
    broker.send("first", 2)
    connection, message = broker.take("first")
    assert message

    def told():
        with broker.ask() as asked:
            figures = asked.figures(["first"])["first"]
        assert figures.length == 1
        assert figures.unacked == (1 if broker.kind in KNOWS_HELD else None)
        assert figures.consumers == (0 if broker.kind in KNOWS_CONSUMERS else None)
        return True

    eventually(told)
    message.ack()
    connection.release()


def test_a_peek_shows_the_next_messages_and_takes_none(broker):
    sent = [broker.send("first", number, kwargs={"word": "<b>"}) for number in range(3)]
    with broker.ask() as asked:
        if broker.kind == "amqp":
            with pytest.raises(CannotPeek, match="MONITOR_BROKER_API"):
                asked.peek("first", 2)
            return
        shown = asked.peek("first", 2)
        assert [message.task_id for message in shown] == sent[:2]
        assert (shown[1].task, shown[1].args, shown[1].retries) == ("proj.add", "(1,)", 0)
        assert shown[0].kwargs == "{'word': '<b>'}"
        assert shown[0].content_type == "application/json"
        assert shown[0].size > 0
        eventually(lambda: asked.figures(["first"])["first"].length == 3)


@at_once
def test_a_purge_says_how_many_went(broker):
    for number in range(4):
        broker.send("first", number)
    broker.send("second")
    with broker.ask() as asked:
        assert asked.purge("first") == 4
        assert asked.purge("first") == 0
        eventually(lambda: [f.length for f in asked.figures(["first", "second"]).values()] == [0, 1])


def test_a_message_that_is_none_of_a_task_is_shown_as_what_it_is(broker):
    with broker.app.connection_for_write() as connection:
        queue = broker.app.amqp.queues["first"].bind(connection.channel())
        queue.declare()
        producer = connection.Producer(serializer="json")
        producer.publish({"no": "task"}, routing_key="first")
        producer.publish(b"\xff\x00", routing_key="first", content_type="x/y",
                         content_encoding="binary")  # fmt: skip
    with broker.ask() as asked:
        if broker.kind != "amqp":
            shown = asked.peek("first", 10)
            assert [message.problem for message in shown] == ["No message of a task."] * 2
            assert [message.content_type for message in shown] == ["application/json", "x/y"]
        eventually(lambda: asked.figures(["first"])["first"].length == 2)


@pytest.mark.parametrize("broker", ["redis", "redis-prefixed"], indirect=True)
def test_priorities_are_counted_together_and_shown_in_their_order(broker):
    low = broker.send("first", 1, priority=9)
    high = broker.send("first", 2, priority=0)
    with broker.ask() as asked:
        assert asked.figures(["first"])["first"].length == 2
        shown = asked.peek("first", 10)
        assert [(message.task_id, message.priority) for message in shown] == [(high, 0), (low, 9)]
        assert asked.peek("first", 1) == shown[:1]
        assert asked.figures(["first"])["first"].heads == (high, low)
        assert asked.purge("first") == 2


@pytest.mark.parametrize("broker", ["redis", "redis-prefixed"], indirect=True)
def test_what_is_held_is_counted_by_the_bindings_of_its_exchange(broker, monkeypatch):
    broker.app.conf.task_queues = [
        Queue("news", Exchange("topics", type="topic"), routing_key="news.#"),
        Queue("other", Exchange("topics", type="topic"), routing_key="other.#"),
    ]
    broker.app.send_task("proj.add", exchange="topics", routing_key="news.of.today", queue="news")
    broker.app.send_task("proj.add", queue="plain")
    held = [broker.take("news"), broker.take("plain")]
    with broker.ask() as asked:
        told = asked.figures(["news", "other", "plain"])
        assert {name: figures.unacked for name, figures in told.items()} == {
            "news": 1,
            "other": 0,
            "plain": 1,
        }
        monkeypatch.setattr("djtaskq_monitor.brokers.redis.MOST_UNACKED", 1)
        assert asked.figures(["news"])["news"].unacked is None
    for connection, message in held:
        message.ack()
        connection.release()


@pytest.mark.parametrize("broker", ["management"], indirect=True)
def test_a_quorum_queue_is_not_peeked_at(broker):
    with broker.app.connection_for_write() as connection:
        Queue(
            "first", queue_arguments={"x-queue-type": "quorum"}, channel=connection.channel()
        ).queue_declare()
    with broker.ask() as asked, pytest.raises(CannotPeek, match="quorum"):
        asked.peek("first", 1)


def test_any_other_transport_is_asked_for_the_length(memory_app):
    memory_app.send_task("proj.add", queue="first")
    with asking(memory_app) as asked:
        assert asked.figures(["first"])["first"].length == 1
        with pytest.raises(CannotPeek):
            asked.peek("first", 1)


@pytest.fixture
def memory_app():
    app = Celery("memory", broker="memory://", set_as_current=False)
    app.conf.task_default_queue = "first"
    yield app
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("first")
    app.close()
