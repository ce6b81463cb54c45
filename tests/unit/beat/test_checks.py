"""What `manage.py check` says of beat."""

import subprocess
import sys

import pytest

from djtaskq_beat.checks import check_grace, check_scheduler, check_time_zones

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = {apps}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
USE_TZ = True
ROOT_URLCONF = "urls"
TEMPLATES = [{{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {{
    "context_processors": ["django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]}}}}]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware"]
"""
URLS = """
from django.contrib import admin
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
"""
BASE = [f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "sessions", "messages")]


@pytest.fixture
def project(tmp_path):
    """Return a function that runs code in a project of its own with these apps."""

    def run(apps, code):
        (tmp_path / "project_settings.py").write_text(SETTINGS.format(apps=[*BASE, *apps]))
        (tmp_path / "urls.py").write_text(URLS)
        program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"
        environment = {"DJANGO_SETTINGS_MODULE": "project_settings", "PYTHONPATH": ":".join(sys.path)}
        return subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


CHECK = "from django.core.management import execute_from_command_line as go; go(['manage.py', 'check'])"


def test_without_django_celery_beat_the_last_line_says_what_to_add(project):
    done = project(["djtaskq", "djtaskq_beat"], CHECK)
    assert done.returncode == 1
    assert 'add "django_celery_beat" to INSTALLED_APPS' in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "apps",
    [["django_celery_beat", "djtaskq", "djtaskq_beat"], ["djtaskq_beat", "djtaskq", "django_celery_beat"]],
    ids=["after", "before"],
)
def test_our_admin_takes_the_place_of_theirs_in_any_order_of_apps(project, apps):
    done = project(
        apps,
        "import django; django.setup()\n"
        "from django.contrib import admin\nfrom django_celery_beat.models import PeriodicTask\n"
        "print(type(admin.site._registry[PeriodicTask]).__module__)\n" + CHECK,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("djtaskq_beat.admin.periodic_tasks")


@pytest.mark.parametrize(
    "path",
    [
        "djtaskq",
        "django",
        "djtaskq_beat.schedulers:DatabaseScheduler",
        "celery.beat.PersistentScheduler",
        None,
    ],
)
def test_a_scheduler_that_resolves_is_no_problem(path, settings):
    settings.CELERY_BEAT_SCHEDULER = path
    assert check_scheduler(None) == []


@pytest.mark.parametrize(
    ("path", "check_id", "hint"),
    [
        (
            "djtaskq_beat.schedulers:DatabaseSheduler",
            "E002",
            'Did you mean "djtaskq_beat.schedulers:DatabaseScheduler"?',
        ),
        ("djtaskq_baet.schedulers:DatabaseScheduler", "E002", "Did you mean"),
        ("djtask", "E002", 'Did you mean "djtaskq"?'),
        ("zzzz", "E002", 'Set CELERY_BEAT_SCHEDULER = "djtaskq".'),
        ("djtaskq_beat.models:TaskRun", "E003", "djtaskq"),
        ("djtaskq_beat", "E003", "djtaskq"),
    ],
)
def test_a_scheduler_that_does_not_resolve_is_an_error_with_a_suggestion(path, check_id, hint, settings):
    settings.CELERY_BEAT_SCHEDULER = path
    (problem,) = check_scheduler(None)
    assert problem.id == f"djtaskq_beat.{check_id}"
    assert hint in problem.hint


def test_two_time_zones_are_a_warning(settings):
    settings.CELERY_TIMEZONE, settings.TIME_ZONE = "Europe/Berlin", "UTC"
    assert [problem.id for problem in check_time_zones(None)] == ["djtaskq_beat.W001"]
    settings.CELERY_TIMEZONE, settings.DJANGO_CELERY_BEAT_TZ_AWARE = "UTC", False
    assert [problem.id for problem in check_time_zones(None)] == ["djtaskq_beat.W002"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, []),
        ({"BEAT_GRACE_SECONDS": 5.5}, []),
        ({"BEAT_GRACE_SECONDS": 5}, ["djtaskq_beat.W005"]),
        ({"BEAT_PUBLISH_SECONDS": 60}, ["djtaskq_beat.W005"]),
        ({"BEAT_PUBLISH_SECONDS": "much"}, []),
    ],
)
def test_what_is_still_being_published_must_not_be_taken_over(values, said, settings):
    settings.DJTASKQ = values
    assert [problem.id for problem in check_grace(None)] == said
