"""The Celery app of the workers here and of those who send to them; the environment says where things are."""

import json
import os
import signal
import time
from pathlib import Path

import django
from celery import Celery, current_task, states
from celery.signals import before_task_publish
from django.conf import settings
from kombu.serialization import dumps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
for alias, options in json.loads(os.environ.get("FAULTS_DATABASE_OPTIONS", "{}")).items():
    settings.DATABASES[alias]["OPTIONS"] = options
django.setup()

from djtaskq_results import chords, store  # noqa: E402  Django must be set up
from tests.faults.results.ledger import Ledger  # noqa: E402

app = Celery("faults", set_as_current=False)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    result_backend=os.environ.get("FAULTS_BACKEND", "djtaskq_results.backends:DatabaseBackend"),
    result_extended=True,
    task_track_started=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    broker_transport_options={
        # What a worker had taken when its connection broke is handed out again after these seconds.
        "visibility_timeout": int(os.environ.get("FAULTS_VISIBILITY", "5")),
        # A worker's main process may ask a connection that was just made anew for the answer of the old one,
        # and would wait for it for ever.
        "socket_timeout": 10,
    },
    worker_prefetch_multiplier=2,
)
LONG = float(os.environ.get("FAULTS_LONG", "0.5"))


class Broken(Exception):
    """What a task ends with that is to fail."""


def the_ledger():
    return Ledger(os.environ["FAULTS_LEDGER"])


@before_task_publish.connect(weak=False)
def keep(body, headers, properties, **_signal):
    the_ledger().keep(headers["id"], dumps([body, headers, properties], serializer="json")[2])


def send_again(message):
    """Send a message that the ledger kept, to its queue."""
    body, headers, properties = json.loads(message)
    with app.producer_pool.acquire() as producer:
        producer.publish(body, routing_key="celery", serializer="json", headers=headers, **properties)


def began(task):
    """The ledger, with the line that this run has begun; what the task does comes between two lines."""
    ledger = the_ledger()
    ledger.note("began", task.request.id, task.request.retries)
    return ledger


@app.task(bind=True)
def double(self, number):
    ledger = began(self)
    ledger.note("ended", self.request.id, self.request.retries)
    return number * 2


@app.task(bind=True)
def long(self, number):
    ledger = began(self)
    time.sleep(LONG)
    ledger.note("ended", self.request.id, self.request.retries)
    return number * 2


@app.task(bind=True)
def fail(self, number):
    ledger = began(self)
    ledger.note("ended", self.request.id, self.request.retries)
    raise Broken(number)


@app.task(bind=True, max_retries=None)
def retry_twice(self, number):
    ledger = began(self)
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    ledger.note("ended", self.request.id, self.request.retries)
    return number * 2


@app.task(bind=True)
def total(self, numbers):
    ledger = began(self)
    ledger.note("ended", self.request.id, self.request.retries)
    return sum(numbers)


if dies_at := os.environ.get("FAULTS_DIES_AT"):
    # The first process of all that comes to it with a chord's part does not get past it.
    module = {"save_part": store, "claim": chords}[dies_at]
    go_on = getattr(module, dies_at)

    def die(*arguments, **options):
        marker = Path(os.environ["FAULTS_LEDGER"]).with_suffix(".died")
        request = current_task.request if current_task else None
        reached = dies_at == "claim" or arguments[0]["status"] == states.SUCCESS
        if reached and request and request.chord and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return go_on(*arguments, **options)

    setattr(module, dies_at, die)
