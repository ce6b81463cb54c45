"""A Celery app for workers that the HTTP API talks to: its results are where its messages are."""

import os
import time

from celery import Celery
from celery.contrib.abortable import AbortableTask

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

app = Celery("api")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_default_queue="api",
    result_backend=app.conf.broker_url,
    worker_pool_restarts=True,
    broker_transport_options=app.conf.broker_transport_options | {"polling_interval": 0.05},
    api_secret_token="not to be seen",
)


@app.task
def add(x, y):
    return x + y


@app.task
def fail(text):
    raise ValueError(text)


@app.task(bind=True, base=AbortableTask)
def until_aborted(self):
    while not self.is_aborted():
        time.sleep(0.05)
    return "aborted"
