import os

from celery import Celery
from django.apps import apps
from django.conf import settings

from djtaskq import filesystem

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "djtaskq.project.settings")

filesystem.install()

app = Celery("djtaskq")
app.config_from_object("django.conf:settings", namespace="CELERY")


def _with_tasks() -> list[str]:
    """Who watches another application's workers must not offer them tasks that they do not know."""
    return [] if settings.WATCH else [each.name for each in apps.get_app_configs()]


app.autodiscover_tasks(_with_tasks)
