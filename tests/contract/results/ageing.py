"""What the tests of retention ask and set up."""

import datetime as dt

from django.db import connections
from django_celery_results.models import TaskResult

from djtaskq_results import retention

DAY = dt.timedelta(days=1)


def left(model=TaskResult):
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def policy(setting=None, *, expires=DAY, settings=None, **celery):
    settings.DJTASKQ = {"RESULTS_RETENTION": setting}
    return retention.policy(celery, expires)


def analyze(database):
    words = "ANALYZE TABLE" if connections[database].vendor == "mysql" else "ANALYZE"
    with connections[database].cursor() as cursor:
        cursor.execute(f"{words} django_celery_results_taskresult")
        if cursor.description:
            cursor.fetchall()
