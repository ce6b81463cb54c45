"""What stands in INSTALLED_APPS, and in which order."""

import json
import sys

import pytest

BASE = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
]
PROGRAM = """
import sys, json, django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=json.loads(sys.argv[1]), DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
    USE_TZ=True, SECRET_KEY="x", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
from django.contrib import admin
from celery import Celery
from django.core import checks
ours = [a for m, a in admin.site._registry.items() if m._meta.app_label == "django_celery_results"]
print([type(a).__module__ for a in ours])
Celery("proj", backend=sys.argv[2]).set_default()
print([(m.id, m.hint) for m in checks.run_checks() if m.id.startswith("djtaskq_results")])
"""


def run(processes, apps, backend="djtaskq_results.backends:DatabaseBackend"):
    process = processes.start(sys.executable, "-c", PROGRAM, json.dumps([*BASE, *apps]), backend)
    process.wait()
    return process.output


@pytest.mark.parametrize(
    "apps",
    [
        ["djtaskq", "django_celery_results", "djtaskq_results"],
        ["djtaskq_results", "django_celery_results", "djtaskq"],
    ],
    ids=["after the peer", "before the peer"],
)
def test_the_admin_is_ours_whatever_the_order(processes, apps):
    output = run(processes, apps)
    assert "['djtaskq_results.admin.groups', 'djtaskq_results.admin.task_results']" in output
    assert "[]" in output


@pytest.mark.parametrize("missing", ["djtaskq", "django_celery_results"])
def test_a_missing_app_is_named_in_one_sentence(processes, missing):
    apps = [app for app in ("djtaskq", "django_celery_results", "djtaskq_results") if app != missing]
    last = run(processes, apps).strip().splitlines()[-1]
    assert f'add "{missing}" to INSTALLED_APPS' in last


@pytest.mark.parametrize(
    ("backend", "check", "hint"),
    [
        ("djtasqk", "djtaskq_results.E001", 'Did you mean "djtaskq"?'),
        ("djtaskq_results.backend:DatabaseBackend", "djtaskq_results.E001", "djtaskq_results.backends:Data"),
        ("django-db", "djtaskq_results.W001", 'Set the result backend to "djtaskq"'),
    ],
)
def test_a_backend_that_was_to_be_ours_gets_a_hint(processes, backend, check, hint):
    output = run(processes, ["djtaskq", "django_celery_results", "djtaskq_results"], backend)
    assert check in output
    assert hint in output
