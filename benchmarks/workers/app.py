"""A Celery app whose task does nothing, on the result backend that the environment names."""

import os

import django
from celery import Celery

django.setup()

app = Celery("worker")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    result_backend=os.environ.get("DJTASKQ_BENCHMARK_BACKEND", "djtaskq"),
    result_extended=True,
    worker_hijack_root_logger=False,
)


@app.task
def nothing():
    """What is left is what the worker and the backend do."""
