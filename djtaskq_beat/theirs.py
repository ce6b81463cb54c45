"""django-celery-beat's modules, behind the sentence that says what to do where it is not installed."""

from django.apps import apps

from djtaskq_beat.errors import DjangoCeleryBeatMissing

if not apps.is_installed("django_celery_beat"):
    raise DjangoCeleryBeatMissing

from django_celery_beat import models, schedulers
from django_celery_beat.clockedschedule import clocked

__all__ = ["clocked", "models", "schedulers"]
