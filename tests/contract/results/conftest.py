import uuid

import pytest
from celery import Celery
from celery.app.task import Context
from django.db import connections

from djtaskq.db.aside import SUFFIX
from djtaskq_results.backends import DatabaseBackend

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
