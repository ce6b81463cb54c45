"""A Celery app for workers that are told what to do: slow tasks, limits, commands of its own."""

import os
import time

from celery import Celery
from celery.worker.control import control_command, inspect_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

app = Celery("controlled")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_default_queue="controlled",
    worker_pool_restarts=True,
    worker_prefetch_multiplier=2,
    broker_transport_options=app.conf.broker_transport_options | {"polling_interval": 0.05},
    api_secret_token="not to be seen",
)


@app.task
def add(x, y):
    return x + y


@app.task(time_limit=500, soft_time_limit=400, rate_limit="7/m")
def limited():
    return None


@app.task(bind=True)
def slow(self, seconds, password=""):
    time.sleep(seconds)


@control_command(args=[("n", int)], signature="[N=1]")
def increase_level(state, n=1):
    """Increase the level."""
    return {"ok": f"level {n + 1}"}


@inspect_command()
def current_level(state):
    """The level at present."""
    return {"level": 3}
