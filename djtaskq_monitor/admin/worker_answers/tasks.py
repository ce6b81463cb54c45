"""The tabs with the tasks that a worker holds, has revoked, and knows with their limits."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from djtaskq.admin import parts, widgets
from djtaskq.redactor import redactor
from djtaskq_monitor.admin.worker_answers.facts import SHORT, Shown
from djtaskq_monitor.control import limits
from djtaskq_monitor.models import TaskState

# No list is longer; what is beyond is counted.
MOST = 100
_NOTHING = ("()", "[]", "{}")


def requests(told: Any) -> Shown:
    """Tasks that the worker holds, each linked to its page where there is one."""
    infos = [(each.get("request", each), each) for each in (told or ())[:MOST]]
    pages = task_pages([str(info.get("id")) for info, _entry in infos])
    rows = [
        {
            "id": info.get("id"),
            "name": info.get("name") or info.get("type"),
            "url": pages.get(str(info.get("id")), ""),
            "args": _argument(info.get("args")),
            "kwargs": _argument(info.get("kwargs")),
            "since": widgets.when(_instant(info.get("time_start"))),
            "eta": widgets.when(_instant(entry.get("eta"))) if "eta" in entry else None,
            "pid": info.get("worker_pid"),
            "queue": (info.get("delivery_info") or {}).get("routing_key"),
            "redelivered": bool((info.get("delivery_info") or {}).get("redelivered")),
        }
        for info, entry in infos
    ]
    return {
        "rows": rows,
        "more": max(0, len(told or ()) - MOST),
        "scheduled": bool(told and "eta" in told[0]),
    }


def _argument(value: Any) -> SafeString | str:
    hidden = redactor().value(value)
    text = hidden if isinstance(hidden, str) else repr(hidden)
    if not value or text in _NOTHING:
        return ""
    return parts.cut_text(text, SHORT) if len(text) > SHORT else format_html("<code>{}</code>", text)


def _instant(value: Any) -> dt.datetime | None:
    if isinstance(value, int | float):
        try:
            return dt.datetime.fromtimestamp(value, dt.UTC)
        except (OverflowError, ValueError, OSError):
            return None
    try:
        found = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return timezone.make_aware(found) if found is not None and timezone.is_naive(found) else found


def revoked(told: Any) -> Shown:
    ids = [str(each) for each in (told or ())]
    shown = ids[::-1][:MOST]  # the latest come last
    pages = task_pages(shown)
    return {"rows": [(task_id, pages.get(task_id, "")) for task_id in shown], "more": len(ids) - len(shown)}


def limits_of(registered: Any, stats: Any) -> Shown:
    totals = stats.get("total") or {}
    known = limits.read(registered or ())
    for name in totals:
        known.setdefault(name, limits.Limits(name))
    rows = [
        {"limits": known[name], "processed": totals.get(name, 0)}
        for name in sorted(known, key=lambda name: (-int(totals.get(name, 0)), name))
    ]
    return {"rows": rows}


def task_pages(task_ids: Sequence[str]) -> dict[str, str]:
    """The URLs of the pages of those tasks that a camera saw; one statement."""
    rows = TaskState.objects.filter(task_id__in=list(task_ids)).order_by().values_list("task_id", "pk")
    return {task_id: reverse("admin:djtaskq_monitor_taskstate_change", args=[pk]) for task_id, pk in rows}
