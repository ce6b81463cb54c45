"""Tasks in the database, and what the admin's list shows of them."""

import datetime as dt

from django.urls import reverse
from django.utils import timezone

from djtaskq_monitor.models import TaskState
from djtaskq_monitor.recording.order import outcome

LIST = reverse("admin:djtaskq_monitor_taskstate_changelist")


def rows(count, **columns):
    """So many tasks, the newest first, three of each moment; a column may be a function of the number."""
    now = timezone.now().replace(microsecond=0)
    usual = {"name": "shop.usual", "state": "SUCCESS", "worker_id": "one@h", "queue": "celery", **columns}
    made = []
    for number in range(count):
        seen = now - dt.timedelta(seconds=number // 3)
        values = {name: value(number) if callable(value) else value for name, value in usual.items()}
        task_id = values.pop("task_id", f"{number:06}-task")
        made.append(
            TaskState(
                task_id=task_id, tstamp=seen, first_seen=seen, outcome=outcome(values["state"]), **values
            )
        )
    TaskState.objects.bulk_create(made)
    return made


def changelist(client, query="", **filters):
    response = client.get(f"{LIST}{query}", filters)
    assert response.status_code == 200
    return response.context["cl"]


def numbers(found):
    return [int(row.task_id[:6]) for row in found.result_list]


def walk(client, query, link="page_after"):
    pages = []
    while query is not None:
        found = changelist(client, query)
        pages.append(numbers(found))
        query = getattr(found, link) or None
        assert len(pages) < 60
    return pages
