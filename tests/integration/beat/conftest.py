import json

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from kombu import Connection

from djtaskq_beat.models import RunPolicy

APP = "tests.integration.beat.app"


@pytest.fixture
def start_beat(processes, redis_url):
    """Return a function that starts a beat on Redis; each is a real process."""

    def start(*arguments, broker=redis_url, **environment):
        environment = {"DJTASKQ_TEST_BROKER_URL": broker, **environment}
        return processes.beat(APP, "-S", "djtaskq", *arguments, environment=environment)

    return start


@pytest.fixture
def take(redis_url):
    """Return a function that takes the messages that have come to Redis: their headers."""
    return lambda: messages_of(redis_url)


def messages_of(url, queue="celery"):
    found = []
    with Connection(url) as connection, connection.channel() as channel:
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            found.append({**message.headers, "args": json.loads(message.body)[0]})
    return found


@pytest.fixture
def every_second():
    """Return a function that makes tasks that run every second."""

    def make(count=1, name="task"):
        interval = IntervalSchedule.objects.get_or_create(every=1, period="seconds")[0]
        return [
            PeriodicTask.objects.create(name=f"{name} {number}", task="tests.noop", interval=interval)
            for number in range(count)
        ]

    return make


def miss_no_slot(tasks):
    """Have each slot run, however late: where the machine is slow, a slot would give way to the next."""
    RunPolicy.objects.bulk_create(RunPolicy(periodic_task=task, catch_up="all") for task in tasks)
