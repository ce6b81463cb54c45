"""What Celery's suite is run with: Django set up, our backend under a name that passes for Redis, a report.

The suite skips much of its canvas where the result backend's name does not begin with "redis"; nothing of
it depends on Redis otherwise.
"""

import json
import os
from pathlib import Path

import django
from celery.app import backends

NAME = "redis-djtaskq"

django.setup()
backends.BACKEND_ALIASES[NAME] = "djtaskq_results.backends:DatabaseBackend"
# The peer, for whoever wants to see it beside.
backends.BACKEND_ALIASES["redis-dcr"] = "django_celery_results.backends:DatabaseBackend"


def pytest_runtest_logreport(report):
    line = {
        "test": report.nodeid.removeprefix("t/integration/"),
        "subtest": _subtest(getattr(report, "context", None)),
        "when": report.when,
        "outcome": "xfailed" if report.skipped and hasattr(report, "wasxfail") else report.outcome,
        "seconds": report.duration,
    }
    with Path(os.environ["DJTASKQ_CONFORMANCE_REPORT"]).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def _subtest(context):
    if context is None:
        return ""
    said = [context.msg or "", *(f"{name}={value!r}" for name, value in context.kwargs.items())]
    return " ".join(filter(None, said)) or "subtest"
