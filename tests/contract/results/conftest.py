import datetime as dt
import uuid

import pytest
from celery import Celery
from celery.app.task import Context
from django.db import connections
from django.utils import timezone
from django_celery_results.models import TaskResult

from djtaskq.db.aside import SUFFIX
from djtaskq_results import retention, sweeping
from djtaskq_results.backends import DatabaseBackend
from tests.contract.results.acting import RIGHTS, person
from tests.contract.results.ageing import DAY, policy

SERIALIZERS = ("json", "pickle", "yaml", "msgpack")


@pytest.fixture
def make_app():
    def make(serializer="json", **settings):
        app = Celery("results", set_as_current=False, backend="djtaskq_results.backends:DatabaseBackend")
        app.conf.update(
            {
                "broker_url": "memory://",
                "result_serializer": serializer,
                "accept_content": list(SERIALIZERS),
                "result_extended": True,
                **settings,
            }
        )
        return app

    return make


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def backend(app, database) -> DatabaseBackend:
    yield app.backend
    _close_asides()


def _close_asides():
    for alias in connections:
        if hasattr(connections._connections, alias + SUFFIX):
            connections[alias + SUFFIX].close()


@pytest.fixture
def task_id():
    return str(uuid.uuid4())


def protocol_2(task_id, **more):
    """The request of a task whose message came in Celery's present form."""
    return Context(
        {
            "id": task_id,
            "task": "proj.tasks.add",
            "args": [1, {"a": 2}],
            "kwargs": {"b": 3},
            "argsrepr": "(1, {'a': 2})",
            "kwargsrepr": "{'b': 3}",
            "hostname": "worker@host",
            "delivery_info": {"routing_key": "celery", "redelivered": False},
            "periodic_task_name": "every minute",
            **more,
        }
    )


def protocol_1(task_id, **more):
    """The request of a task whose message came in the form of Celery 3."""
    return protocol_2(task_id, argsrepr=None, kwargsrepr=None, **more)


@pytest.fixture
def operator(database, client):
    client.force_login(person("view_taskresult", *RIGHTS.values()))
    return client


@pytest.fixture
def make_results(database):
    """Return a function that makes results `age` old, a millisecond apart, and returns their keys."""

    def make(count, *, age=2 * DAY, state="SUCCESS", task=None, model=TaskResult):
        first = timezone.now() - age
        told = {"status": state, "task_name": task} if model is TaskResult else {}
        key = "task_id" if model is TaskResult else "group_id"
        start = model.objects.count()
        ids = [f"{state} {number}" for number in range(start, start + count)]
        made = model.objects.bulk_create(model(**{key: one}, **told) for one in ids)
        rows = list(model.objects.filter(**{f"{key}__in": ids}).order_by("pk"))
        for number, row in enumerate(rows):
            row.date_done = first + number * dt.timedelta(milliseconds=1)
        # bulk_create and save set the time of writing; this does not.
        model.objects.bulk_update(rows, ["date_done"])
        assert len(made) == count
        return [row.pk for row in rows]

    return make


@pytest.fixture
def small(monkeypatch):
    """Retention looks at few rows at once, and deletes fewer."""
    monkeypatch.setattr(sweeping, "LOOK", 10)
    monkeypatch.setattr(sweeping, "MOST", 4)


@pytest.fixture
def expire(settings, database):
    """Return a function that cleans up by a setting and tells how many results were looked at."""

    def work(setting=None, *, everything=False, **celery):
        looked_at = []
        expired = retention.expire(
            policy(setting, settings=settings, **celery), everything=everything, told=looked_at.append
        )
        return expired, sum(looked_at)

    return work


class Sent(list):
    """The bodies that were sent, with what they were called with."""


@pytest.fixture
def sent(app, monkeypatch):
    """The bodies of chords that were sent."""
    sent = Sent()

    @app.task(name="proj.body", shared=False)
    def body(values):
        pass

    monkeypatch.setattr(body, "apply_async", lambda args=None, *_, **options: sent.append(args[0]))
    return sent


@pytest.fixture
def body(app, sent):
    return app.signature("proj.body").set(task_id="the-body")


@pytest.fixture
def header(app):
    def make(*ids):
        return [app.AsyncResult(task_id) for task_id in ids]

    return make
