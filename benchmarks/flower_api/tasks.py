"""Tasks that the workers run, and that both monitors know by their code."""

import time

from celery import shared_task
from celery.contrib.abortable import AbortableTask


@shared_task
def add(x, y):
    return x + y


@shared_task
def fail(text):
    raise ValueError(text)


@shared_task(bind=True, base=AbortableTask)
def until_aborted(self):
    for _ in range(1200):
        if self.is_aborted():
            return "aborted"
        time.sleep(0.1)
    return "nobody aborted it"
