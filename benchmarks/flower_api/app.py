"""The application without Django that is watched: its broker and results are where BROKER_URL says."""

import os

from celery import Celery

app = Celery("compared", broker=os.environ["BROKER_URL"], backend=os.environ["BROKER_URL"])
app.conf.update(
    imports=["benchmarks.flower_api.tasks"],
    task_send_sent_event=True,
    worker_pool_restarts=True,
    broker_connection_retry_on_startup=True,
)
app.set_default()
