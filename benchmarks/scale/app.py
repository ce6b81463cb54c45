"""The Celery app of every process that is measured."""

import os

from celery import Celery

TASK = "benchmarks.noop"
# Where RedBeat keeps its schedules: another database of Redis than the messages go to.
REDBEAT = "DJTASKQ_BENCHMARK_REDBEAT"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
app = Celery("benchmarks.scale.app")
app.config_from_object("django.conf:settings", namespace="CELERY")
if REDBEAT in os.environ:
    app.conf.redbeat_redis_url = os.environ[REDBEAT]
