"""Several alerts as one message: what is mailed, and what is posted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from djtaskq_beat.models import Alert, TaskRun

# A person reads the first few lines, and that there are more.
_LINES = 20


def digest_of(alerts: Sequence[tuple[Alert, TaskRun]]) -> dict[str, Any]:
    """The alerts and their runs as plain values, in the order in which they were raised."""
    return {
        "count": len(alerts),
        "kinds": dict(Counter(alert.kind for alert, _ in alerts)),
        "alerts": [_entry(alert, run) for alert, run in alerts],
    }


def letter(digest: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text of the mail."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in digest["kinds"].items())
    lines = [f"- {alert['text']}" for alert in digest["alerts"][:_LINES]]
    if digest["count"] > _LINES:
        lines.append(f"… and {digest['count'] - _LINES} more: the alerts' page of the admin lists them all.")
    if digest["count"] == 1:
        (alert,) = digest["alerts"]
        return f"Periodic task {alert['kind']}: {alert['name']}", "\n".join(lines)
    return f"Periodic tasks: {kinds}", "\n".join(lines)


def _entry(alert: Alert, run: TaskRun) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "kind": alert.kind,
        "text": alert.text,
        "raised_at": alert.raised_at.isoformat() if alert.raised_at else None,
        "periodic_task": run.periodic_task_id,
        "name": run.name,
        "run": run.pk,
        "slot": run.slot.isoformat(),
        "task_id": str(run.task_id) if run.task_id else None,
    }
