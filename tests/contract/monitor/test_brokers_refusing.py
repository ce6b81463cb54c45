"""Brokers that are away, that refuse, and that are no brokers: told as such, without their passwords."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from celery import Celery
from django.test import override_settings
from kombu import Queue

from djtaskq_monitor.brokers.choosing import asking
from djtaskq_monitor.brokers.figures import BrokerAway, BrokerRefuses


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
