"""The Celery app of the beats here; what differs between scenarios comes from the environment."""

import itertools
import json
import os
import signal

from celery import Celery
from celery.signals import after_task_publish
from django.conf import settings

settings.DJTASKQ = json.loads(os.environ.get("FAULTS_SETTINGS", "{}"))

app = Celery("faults")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="tests.noop")
def noop(*args, **kwargs):
    return None


if dies_after := int(os.environ.get("FAULTS_DIES_AFTER", "0")):
    counter = itertools.count(1)

    @after_task_publish.connect(weak=False)
    def die(**_signal):
        if next(counter) == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
