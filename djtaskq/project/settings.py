"""Settings of the ready-to-run project; what differs from place to place comes from the environment.

DATABASE_URL, BROKER_URL    where the rows and the messages live; SQLite and files below DJTASKQ_HOME if unset
DJTASKQ_HOME                folder of the project's own files, `demo` or `watch` where it is started if unset
DJTASKQ_WATCH=1             watch another application's workers: no schedules, results and tasks of our own
DJTASKQ_CELERY              more of Celery's settings by their names, as JSON: {"control_exchange": "shop"}
DJTASKQ_DEMO=1              plain HTTP on loopback and Django's debug pages; everything else is for production
DJTASKQ_SECRET_KEY          Django's SECRET_KEY; in the demo a file below DJTASKQ_HOME keeps one
DJTASKQ_ALLOWED_HOSTS       Django's ALLOWED_HOSTS, separated by commas
DJTASKQ_BEHIND_PROXY=1      believe X-Forwarded-Proto: set it only where a proxy overwrites that header
DJTASKQ_PROBE_TOKEN         lets who sends it as a bearer token read celery/metrics and celery/healthcheck
TIME_ZONE                   the zone of the admin and of crontabs that name none; UTC if unset
"""

import json
import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

WATCH = os.environ.get("DJTASKQ_WATCH") == "1"
HOME = Path(os.environ.get("DJTASKQ_HOME") or ("watch" if WATCH else "demo")).absolute()
DEMO = os.environ.get("DJTASKQ_DEMO") == "1"
SECRET_KEY_FILE = HOME / "secret_key"

DEBUG = DEMO


def _kept_secret_key() -> str:
    """The demo's key: drawn once, so that people stay logged in when it is started again."""
    if not SECRET_KEY_FILE.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        SECRET_KEY_FILE.touch(mode=0o600)
        SECRET_KEY_FILE.write_text(get_random_secret_key())
    return SECRET_KEY_FILE.read_text()


SECRET_KEY = os.environ.get("DJTASKQ_SECRET_KEY") or (_kept_secret_key() if DEMO else "")
ALLOWED_HOSTS = [host for host in os.environ.get("DJTASKQ_ALLOWED_HOSTS", "").split(",") if host]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "djtaskq",
    "djtaskq_monitor",
    "djtaskq.project",
]
if not WATCH:
    INSTALLED_APPS += ["django_celery_beat", "django_celery_results", "djtaskq_beat", "djtaskq_results"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "djtaskq.project.urls"
WSGI_APPLICATION = "djtaskq.project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": HOME / "db.sqlite3",
    "OPTIONS": {
        # Four processes share the file: readers must not wait for the writer, and a writer waits its turn.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    },
}


def _database() -> dict[str, Any]:
    url = os.environ.get("DATABASE_URL")
    if not url:
        # SQLite makes its file, and not the folder for it.
        HOME.mkdir(parents=True, exist_ok=True)
        return SQLITE
    return dict(dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True))


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"

if not DEMO:
    SECURE_SSL_REDIRECT = True
    if os.environ.get("DJTASKQ_BEHIND_PROXY") == "1":
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

EMAIL_BACKEND = (
    "django.core.mail.backends.filebased.EmailBackend"
    if DEMO
    else "django.core.mail.backends.smtp.EmailBackend"
)
EMAIL_FILE_PATH = HOME / "mail"

CELERY_BROKER_URL = os.environ.get("BROKER_URL") or "filesystem://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(HOME / "broker" / "messages"),
        "data_folder_out": str(HOME / "broker" / "messages"),
        "control_folder": str(HOME / "broker" / "control"),
        "polling_interval": 0.2,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_WORKER_SEND_TASK_EVENTS = True
if WATCH:
    # Answers come as that application writes them. Pickle runs whatever it is given, and is left out.
    CELERY_ACCEPT_CONTENT = ["json", "yaml", "msgpack"]
    if CELERY_BROKER_URL.startswith(("redis", "sentinel", "valkey")):
        # Any client of Redis gives back what workers have not acknowledged for so long, which is an hour if
        # not said: a task that takes longer would then run twice. Ten years leaves that to the workers.
        CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] = 10 * 365 * 86_400
else:
    CELERY_RESULT_BACKEND = "djtaskq"
    CELERY_RESULT_EXTENDED = True
    CELERY_BEAT_SCHEDULER = "djtaskq"
    CELERY_TASK_ROUTES = {"djtaskq.project.tasks.send_digest": {"queue": "reports"}}
    CELERY_BEAT_SCHEDULE = {
        "Clear expired sessions (declared in settings)": {
            "task": "djtaskq.project.tasks.clear_sessions",
            "schedule": 30,
        }
    }


def _more_of_celery() -> dict[str, Any]:
    try:
        found = json.loads(os.environ.get("DJTASKQ_CELERY") or "{}")
    except ValueError as error:
        raise ImproperlyConfigured(f"DJTASKQ_CELERY is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ImproperlyConfigured('DJTASKQ_CELERY is an object, as in {"task_default_queue": "shop"}.')
    options = CELERY_BROKER_TRANSPORT_OPTIONS | found.pop("broker_transport_options", {})
    return {"broker_transport_options": options, **found}


globals().update({f"CELERY_{name.upper()}": value for name, value in _more_of_celery().items()})

DJTASKQ: dict[str, Any] = {}
if "DJTASKQ_PROBE_TOKEN" in os.environ:
    DJTASKQ["MONITOR_PROBE_TOKEN"] = os.environ["DJTASKQ_PROBE_TOKEN"]
