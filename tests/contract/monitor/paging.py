"""One task in the database, its page in the admin, and people who may look at it."""

from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from djtaskq_monitor.models import TaskState


def person(client, *codenames):
    someone = User.objects.create_user(f"u{len(codenames)}", password="x", is_staff=True)
    someone.user_permissions.set(
        Permission.objects.filter(codename__in=codenames, content_type__app_label="djtaskq_monitor")
    )
    client.force_login(someone)
    return client


def task(task_id="t", **columns):
    now = timezone.now()
    values = {"name": "shop.charge", "state": "SUCCESS", "tstamp": now, "first_seen": now, **columns}
    return TaskState.objects.create(task_id=task_id, **values)


def page_of(row):
    return reverse("admin:djtaskq_monitor_taskstate_change", args=[row.pk])


def shown(client, row):
    response = client.get(page_of(row))
    assert response.status_code == 200
    return response.content.decode()
