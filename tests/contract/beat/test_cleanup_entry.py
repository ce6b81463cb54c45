"""Celery's own entry, the clean-up of results."""

import datetime as dt

import pytest
from celery import Celery, schedules
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.declared import default_entries
from tests.contract.beat.declaring import install


@pytest.mark.parametrize(
    ("backend", "expires", "needed"),
    [
        ("djtaskq_results.backends:DatabaseBackend", dt.timedelta(days=1), True),
        ("djtaskq_results.backends:DatabaseBackend", 3600, True),
        ("djtaskq_results.backends:DatabaseBackend", 0, False),
        ("djtaskq_results.backends:DatabaseBackend", None, False),
        ("django_celery_results.backends:DatabaseBackend", 3600, True),
        ("redis://localhost/", 3600, False),
        ("cache+memory://", 3600, False),
        ("rpc://", 3600, False),
        ("disabled://", 3600, False),
    ],
)
def test_the_clean_up_is_declared_only_where_the_backend_needs_it(backend, expires, needed):
    app = Celery("clean-up", set_as_current=False)
    app.conf.update(result_backend=backend, result_expires=expires)
    assert (default_entries(app).keys() == {"celery.backend_cleanup"}) == needed


def test_a_clean_up_that_is_needed_no_more_is_disabled(app, database):
    cleanup = {"celery.backend_cleanup": {"task": "celery.backend_cleanup", "schedule": schedules.crontab()}}
    install(app, database, cleanup)
    install(app, database, default_entries(app))
    assert not PeriodicTask.objects.get(name="celery.backend_cleanup").enabled
