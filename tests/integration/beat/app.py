"""A project's Celery app, for beat to run as a real process; faults come from the environment."""

import os
import signal

from celery import Celery
from celery.signals import before_task_publish
from django.conf import settings

from djtaskq_beat.slots import slot_of

settings.DJTASKQ = {"BEAT_GRACE_SECONDS": 1}

app = Celery("beat_integration")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="tests.noop")
def noop(*args, **kwargs):
    return None


@app.task(name="tests.report_slot", bind=True, max_retries=1)
def report_slot(self):
    """Tells on a queue which slot it runs for, and once more when it is retried."""
    app.send_task("tests.noop", [self.request.retries, slot_of(self.request).isoformat()], queue="slots")
    raise self.retry(countdown=0)


if os.environ.get("BEAT_DIES_BEFORE_PUBLISHING"):

    @before_task_publish.connect(weak=False)
    def die(**_signal):
        os.kill(os.getpid(), signal.SIGKILL)
