"""A project whose tasks fail and end, whose results are kept, and whose alerts are posted to a URL."""

import os

from celery import Celery
from django.conf import settings

settings.CELERY_RESULT_BACKEND = "djtaskq_results.backends:DatabaseBackend"
settings.CELERY_TASK_TRACK_STARTED = True
settings.DJTASKQ = {
    "BEAT_FOLLOW_SECONDS": 0.2,
    "BEAT_ALERT_WEBHOOK": os.environ.get("ALERTS_URL"),
    "BEAT_ALERT_SECRET": "between us",
}

app = Celery("beat_alerting")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.task(name="tests.fails")
def fails():
    raise ValueError("no data")


@app.task(name="tests.succeeds")
def succeeds():
    return 1
