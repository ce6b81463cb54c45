"""Sets Django up when imported: `celery events` is Celery's one command that does not do so itself."""

import django
from django.apps import apps

if not apps.ready:
    django.setup()
