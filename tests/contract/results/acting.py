"""People in the admin, and what they do to results there."""

from celery import current_app
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django_celery_results.models import TaskResult

LIST = reverse("admin:django_celery_results_taskresult_changelist")
RIGHTS = {
    "run_again": "run_task_again",
    "revoke": "revoke_task",
    "terminate": "terminate_task",
    "forget": "delete_taskresult",
}
FILES = ("export_csv", "export_json")


def person(*codenames, name="ann", staff=True):
    made = User.objects.create_user(name, password="x", is_staff=staff)
    made.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


def catch_sent(monkeypatch):
    """What would go to the broker: tasks as (name, args, kwargs, options), orders as (ids, options)."""
    found = {"tasks": [], "orders": []}

    def send_task(name, args=None, kwargs=None, **options):
        found["tasks"].append((name, args, kwargs, options))

    monkeypatch.setattr(current_app, "send_task", send_task)
    monkeypatch.setattr(
        current_app.control, "revoke", lambda ids, **options: found["orders"].append((sorted(ids), options))
    )
    return found


def result(task_id, status="SUCCESS", **columns):
    columns = {"task_name": "shop.charge", "task_args": "[1]", "task_kwargs": '{"b": 2}', **columns}
    row = TaskResult(
        task_id=task_id, status=status, content_type="application/json", content_encoding="utf-8", **columns
    )
    row.save()
    return row


def ask(client, action, *rows, query="", **more):
    # A page on which all that match are chosen sends its own rows as well.
    data = {"action": action, "index": 0, "_selected_action": [row.pk for row in rows] or [0], **more}
    return client.post(f"{LIST}{query}", data)


def do(client, action, *rows, **more):
    return ask(client, action, *rows, confirmed="yes", **more)


def told(client):
    return [str(message) for message in client.get(LIST).context["messages"]]
