"""A Celery app with tasks that live every kind of life; for real workers and cameras on tests.settings."""

import os
import time

from celery import Celery, Task
from celery.exceptions import Reject

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

app = Celery("monitor")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_send_sent_event=True,
    task_default_queue="monitored",
    broker_transport_options=app.conf.broker_transport_options | {"polling_interval": 0.05},
)


@app.task
def add(x, y):
    return x + y


@app.task
def fail(text):
    raise ValueError(text)


@app.task(bind=True, max_retries=3)
def succeed_at_second(self):
    if self.request.retries < 1:
        raise self.retry(countdown=0.1, exc=ValueError("not yet"))
    return self.request.retries


@app.task(bind=True)
def progress(self: Task, seconds):
    self.send_event("task-progress", current=1, total=2)
    time.sleep(seconds)


@app.task(time_limit=1)
def too_long():
    time.sleep(30)


@app.task
def reject():
    raise Reject("no", requeue=False)
