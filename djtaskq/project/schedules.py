"""The schedules that the demo starts with: one of each kind, and a task for each thing to see."""

import datetime as dt
import json
from typing import Any

from django.apps import apps
from django.utils import timezone

TASKS = "djtaskq.project.tasks."


def load(site: str) -> int:
    """Create the schedules that are not there yet, and return how many; people's edits stay."""
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    entries = _entries(site)
    known = set(task.objects.filter(name__in=entries).values_list("name", flat=True))
    for name, entry in entries.items():
        if name not in known:
            _create(task, name, entry)
    return len(entries) - len(known)


def _create(task: Any, name: str, entry: dict[str, Any]) -> None:
    kind, fields = entry.pop("schedule")
    model = apps.get_model("django_celery_beat", f"{kind}schedule")
    schedule = model.objects.filter(**fields).first() or model.objects.create(**fields)
    entry["task"] = TASKS + entry["task"]
    entry["kwargs"] = json.dumps(entry.get("kwargs", {}))
    task.objects.create(name=name, **{kind: schedule}, **entry)


def _entries(site: str) -> dict[str, dict[str, Any]]:
    return {
        "Count Django's lines": {
            "task": "count_lines",
            "kwargs": {"package": "django"},
            "schedule": ("interval", {"every": 5, "period": "seconds"}),
            "description": "Reports its progress while it runs, and is soon done.",
        },
        "Compare packages": {
            "task": "compare_packages",
            "kwargs": {"packages": ["celery", "django", "kombu"]},
            "schedule": ("interval", {"every": 20, "period": "seconds"}),
            "description": "Starts a group of tasks and, when all of them are done, one more: a chord.",
        },
        "Total a broken price list": {
            "task": "total_prices",
            "kwargs": {"lines": ["apples 2.50", "pears 3.20", "plums n/a"]},
            "schedule": ("interval", {"every": 15, "period": "seconds"}),
            "description": "Fails on purpose, with a traceback to look at.",
        },
        "Check this site": {
            "task": "check_site",
            "kwargs": {"url": site},
            "schedule": ("interval", {"every": 10, "period": "seconds"}),
        },
        "Check a site that is down": {
            "task": "check_site",
            "kwargs": {"url": "http://127.0.0.1:9/"},
            "schedule": ("interval", {"every": 30, "period": "seconds"}),
            "description": "Nobody answers there: it is retried twice before it fails.",
        },
        "Verify checksums": {
            "task": "verify_checksums",
            "kwargs": {"package": "django", "rounds": 60},
            "schedule": ("crontab", {"minute": "*", "timezone": "UTC"}),
            "description": "A slow one, every minute: its page has a bar while it runs.",
        },
        "Morning digest": {
            "task": "send_digest",
            "kwargs": {"recipient": "team@example.com"},
            "schedule": (
                "crontab",
                {"minute": "30", "hour": "7", "day_of_week": "1-5", "timezone": "Europe/Paris"},
            ),
            "queue": "reports",
            "description": "On a second queue, at half past seven in Paris on working days.",
        },
        "Sunset in Greenwich": {
            "task": "send_digest",
            "kwargs": {"recipient": "observatory@example.com"},
            "schedule": ("solar", {"event": "sunset", "latitude": 51.477928, "longitude": -0.001545}),
            "queue": "reports",
        },
        "Welcome mail, once": {
            "task": "send_digest",
            "kwargs": {"recipient": "you@example.com"},
            "schedule": ("clocked", {"clocked_time": timezone.now() + dt.timedelta(seconds=5)}),
            "one_off": True,
            "queue": "reports",
        },
    }
