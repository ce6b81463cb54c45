"""From a task that fails to the webhook's receiver, over real processes and a real HTTP server."""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.errors import WebhookRefused
from djtaskq_beat.models import Alert, TaskRun
from djtaskq_beat.tasks import deliver_alert
from tests.architecture.walls import ROOT
from tests.waiting import eventually

APP = "tests.integration.beat.alerting"
DIGEST = {
    "count": 1,
    "kinds": {"late": 1},
    "alerts": [{"id": 1, "name": "täglich", "kind": "late", "text": "x"}],
}


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted to it, and answers as it is told: each answer once, then 204."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts = []
        self.answers = []
        self.url = f"http://127.0.0.1:{self.server_port}/alerts"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def is_genuine():
    """The receiver's side of the signature, as docs/alerts.md gives it."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "alerts.md").read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "is_genuine" in block]
    namespace = {}
    exec(code, namespace)
    return namespace["is_genuine"]


@pytest.fixture
def webhook(settings, receiver):
    settings.DJTASKQ = {"BEAT_ALERT_WEBHOOK": receiver.url, "BEAT_ALERT_SECRET": "between us"}
    return receiver


def test_what_is_posted_is_signed(webhook, is_genuine):
    deliver_alert("webhook", DIGEST)
    ((headers, body),) = webhook.posts
    assert json.loads(body) == DIGEST
    assert headers["Content-Type"] == "application/json"
    assert is_genuine("between us", headers, body)
    assert not is_genuine("guessed", headers, body)
    assert not is_genuine("between us", headers, body + b" ")
    old = {**headers, "Djtaskq-Timestamp": str(int(time.time()) - 600)}
    assert not is_genuine("between us", old, body)


def test_what_fails_is_tried_again(webhook):
    webhook.answers = [500, 503]
    assert deliver_alert.apply(("webhook", DIGEST)).state == "SUCCESS"
    assert len(webhook.posts) == 3


def test_what_goes_on_failing_is_given_up(webhook):
    webhook.answers = [500] * 50
    result = deliver_alert.apply(("webhook", DIGEST))
    assert result.state == "FAILURE"
    assert len(webhook.posts) == deliver_alert.max_retries + 1


def test_a_redirect_is_not_followed(webhook):
    webhook.answers = [302]
    with pytest.raises(WebhookRefused, match="302"):
        deliver_alert.run("webhook", DIGEST)
    assert len(webhook.posts) == 1


@pytest.mark.parametrize(
    "change", [{"BEAT_ALERT_SECRET": None}, {"BEAT_ALERT_WEBHOOK": None}, {"BEAT_ALERT_WEBHOOK": "file:///x"}]
)
def test_without_a_secret_or_a_url_nothing_is_posted(change, webhook, settings):
    settings.DJTASKQ = {**settings.DJTASKQ, **change}
    deliver_alert("webhook", DIGEST)
    assert webhook.posts == []


def test_a_task_that_fails_reaches_the_receiver(transactional_db, processes, redis_url, receiver, is_genuine):
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    for name in ("fails", "succeeds"):
        PeriodicTask.objects.create(name=name, task=f"tests.{name}", interval=interval, start_time=None)
    PeriodicTask.objects.update(last_run_at="2026-01-01T00:00:00Z")
    environment = {"DJTASKQ_TEST_BROKER_URL": redis_url, "ALERTS_URL": receiver.url}
    processes.worker(APP, environment=environment)
    beat = processes.beat(APP, "-S", "djtaskq", environment=environment)

    def outcomes():
        runs = TaskRun.objects.filter(state="published")
        return dict(runs.values_list("name", "outcome"))

    eventually(lambda: outcomes() == {"fails": "FAILURE", "succeeds": "SUCCESS"}, timeout=30)
    run = TaskRun.objects.get(name="fails", state="published")
    assert (run.follow_at, run.runtime is not None, run.finished_at is not None) == (None, True, True)
    eventually(lambda: not Alert.objects.filter(sent_at=None).exists(), timeout=20)
    eventually(lambda: any(b"no data" in body for _, body in receiver.posts), timeout=20)
    assert all(is_genuine("between us", headers, body) for headers, body in receiver.posts)
    told = [alert for _, body in receiver.posts for alert in json.loads(body)["alerts"]]
    assert [alert["id"] for alert in told if alert["kind"] == "failed"] == [
        Alert.objects.get(kind="failed").pk
    ]
    assert beat.stop() == 0
    assert "Traceback" not in beat.output
