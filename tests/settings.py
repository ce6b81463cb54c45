"""Django settings of the tests, and of the processes that tests start.

tests/plugin.py sets the environment that is read here; without it there is SQLite in memory alone, which
is enough to import Django.
"""

import json
import os

import dj_database_url

from djtaskq import filesystem

SECRET_KEY = "for tests alone"
USE_TZ = True
TIME_ZONE = "UTC"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "tests",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_celery_results",
    "djtaskq",
    "djtaskq_beat",
    "djtaskq_results",
    "djtaskq_monitor",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def _database(variable, **options):
    settings = dj_database_url.parse(os.environ.get(variable, "sqlite://:memory:"))
    if variable in os.environ:
        settings["OPTIONS"] = options
        # One name for both, so that processes that a test starts find the test's database.
        settings["TEST"] = {"NAME": settings["NAME"], "DEPENDENCIES": []}
    return settings


DATABASES = {
    "default": _database("DJTASKQ_TEST_POSTGRESQL"),
    "mariadb": _database("DJTASKQ_TEST_MARIADB", charset="utf8mb4"),
    "sqlite": _database(
        "DJTASKQ_TEST_SQLITE",
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        transaction_mode="IMMEDIATE",
        timeout=20,
    ),
}
DATABASE_ROUTERS = ["tests.router.Router"]

filesystem.install()
CELERY_BROKER_URL = os.environ.get("DJTASKQ_TEST_BROKER_URL", "memory://")
CELERY_BROKER_TRANSPORT_OPTIONS = json.loads(os.environ.get("DJTASKQ_TEST_BROKER_OPTIONS", "{}"))
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"

DJTASKQ = {}
