"""What each kind of broker tells, against the real one: the same questions for all of them."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from celery import Celery
from django.test import override_settings
from kombu import Exchange, Queue

from djtaskq_monitor.brokers.choosing import asking
from djtaskq_monitor.brokers.figures import BrokerAway, BrokerRefuses, CannotPeek
from tests.waiting import eventually

SEP = {"sep": ":", "priority_steps": [0, 5], "global_keyprefix": "team-a/"}


class Setting:
    """A Celery app on one kind of broker."""

    def __init__(self, url, options, api=None):
        self.app = Celery("brokers", broker=url, set_as_current=False)
        self.app.conf.update(broker_transport_options=options, task_default_queue="first")
        self.api = api

    def send(self, queue, *args, **options):
        return self.app.send_task("proj.add", args, queue=queue, **options).id

    def ask(self):
        return asking(self.app)

    def take(self, queue):
        """Hold one message, as a worker does; give it back by `close`."""
        connection = self.app.connection_for_read()
        return connection, self.app.amqp.queues[queue].bind(connection.channel()).get()


KINDS = ("redis", "redis-prefixed", "amqp", "management", "filesystem")
# The management API tells of changes a few seconds late: it need not do so in every test.
at_once = pytest.mark.parametrize("broker", sorted({*KINDS} - {"management"}), indirect=True)


@pytest.fixture(params=KINDS)
def broker(request, servers):
    kind = request.param
    name = {"redis-prefixed": "redis", "amqp": "rabbitmq", "management": "rabbitmq"}.get(kind, kind)
    url = request.getfixturevalue("filesystem_broker_url" if kind == "filesystem" else f"{name}_url")
    options = SEP if kind == "redis-prefixed" else {}
    if kind == "filesystem":
        options = request.getfixturevalue("filesystem_broker_options")
    api = servers.use("rabbitmq").management_url if kind == "management" else None
    setting = Setting(url, options, api)
    setting.kind = kind
    with override_settings(DJTASKQ={"MONITOR_BROKER_API": api}):
        yield setting
    setting.app.close()


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


@pytest.mark.parametrize("url", ["redis", "amqp"])
def test_a_broker_that_is_away_is_told_within_a_bound(url):
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        app = Celery("away", broker=f"{url}://127.0.0.1:{refusing.getsockname()[1]}/", set_as_current=False)
        started = time.monotonic()
        with asking(app) as asked, pytest.raises(BrokerAway, match="does not answer"):
            asked.figures(["first"])
        assert time.monotonic() - started < 10


def test_a_broker_that_says_nothing_is_told_within_a_bound(monkeypatch):
    monkeypatch.setattr("djtaskq_monitor.brokers.amqp.AmqpBroker.bounds", {"read_timeout": 0.3})
    monkeypatch.setattr("djtaskq_monitor.brokers.choosing.CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = Celery("mute", broker=f"amqp://127.0.0.1:{silent.getsockname()[1]}/", set_as_current=False)
        with asking(app) as asked, pytest.raises(BrokerAway):
            asked.figures(["first"])


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


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_one_queue_that_fails_does_not_cost_the_others(broker):
    broker.send("second", 1)
    with broker.app.connection_for_write() as connection:
        connection.default_channel.client.set("first", "no list")
    with broker.ask() as asked:
        told = asked.figures(["first", "second"])
        assert "WRONGTYPE" in told["first"].problem
        assert (told["second"].length, told["second"].problem) == (1, "")
        with pytest.raises(BrokerRefuses):
            asked.peek("first", 1)


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


@pytest.mark.parametrize("broker", ["amqp"], indirect=True)
def test_a_queue_that_is_somebody_s_own_does_not_cost_the_others(broker):
    broker.send("second", 1)
    with broker.app.connection_for_read() as connection:
        Queue("first", exclusive=True, channel=connection.channel()).queue_declare()
        with broker.ask() as asked:
            told = asked.figures(["first", "nobody", "second"])
    assert "RESOURCE_LOCKED" in told["first"].problem
    assert told["nobody"].absent
    assert told["second"].length == 1


@pytest.mark.parametrize("broker", ["management"], indirect=True)
def test_a_quorum_queue_is_not_peeked_at(broker):
    with broker.app.connection_for_write() as connection:
        Queue(
            "first", queue_arguments={"x-queue-type": "quorum"}, channel=connection.channel()
        ).queue_declare()
    with broker.ask() as asked, pytest.raises(CannotPeek, match="quorum"):
        asked.peek("first", 1)


@pytest.mark.parametrize("broker", ["management"], indirect=True)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda api: api.replace("djtaskq:", "djtaskq:s3cr3t-"), "401"),
        (lambda api: api.replace("/api", "/nowhere"), "404"),
        (lambda api: api.replace("http:", "file:"), "no http"),
        (lambda _api: "http://u:s3cr3t-@127.0.0.1:1/api", "refused"),
    ],
)
def test_no_password_is_in_what_goes_wrong_with_the_api(broker, change, said):
    with (
        override_settings(DJTASKQ={"MONITOR_BROKER_API": change(broker.api)}),
        broker.ask() as asked,
        pytest.raises((BrokerAway, BrokerRefuses), match=said) as caught,
    ):
        asked.figures(["first"])
    assert "s3cr3t" not in repr(caught.value)
    assert "s3cr3t" not in str(caught.value.__cause__)


class Nonsense(BaseHTTPRequestHandler):
    """Answers as the test says, and keeps what it was asked with."""

    def do_GET(self):
        self.server.asked.append(self.headers.get("Authorization"))
        self.send_response(self.server.status)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"{}"), (200, b"[1]"), (200, b"<html>"), (200, b'{"type": []}'), (302, b""), (500, b"[]")],
)
def test_what_is_no_management_api_is_told_so_and_followed_nowhere(status, body):
    with HTTPServer(("127.0.0.1", 0), Nonsense) as server:
        server.status, server.body, server.asked = status, body, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            app = Celery("nonsense", broker="amqp://127.0.0.1:1/", set_as_current=False)
            api = f"http://u:s3cr3t@127.0.0.1:{server.server_port}/api"
            with (
                override_settings(DJTASKQ={"MONITOR_BROKER_API": api}),
                asking(app) as asked,
                pytest.raises((BrokerAway, BrokerRefuses)) as caught,
            ):
                asked.figures(["first"])
        finally:
            server.shutdown()
            thread.join(10)
    assert len(server.asked) == 1
    assert "s3cr3t" not in repr(caught.value)


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
