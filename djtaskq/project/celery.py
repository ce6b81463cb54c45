import os

from celery import Celery

from djtaskq import filesystem

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "djtaskq.project.settings")

filesystem.install()

app = Celery("djtaskq")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
