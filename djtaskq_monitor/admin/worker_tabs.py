"""The tabs of a worker's page: what each asks the worker, and how the answer is shown."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import current_app
from celery.app.defaults import _OLD_SETTING_KEYS as CELERYS_OLD  # type: ignore[attr-defined]  # not in the stubs
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from djtaskq.admin import parts, widgets
from djtaskq.redactor import redactor
from djtaskq_monitor.control import limits
from djtaskq_monitor.control.asking import Question
from djtaskq_monitor.models import TaskState

# No list is longer; what is beyond is counted.
MOST = 100
# A text up to this length is no text to be copied.
SHORT = 60
_NOTHING = ("()", "[]", "{}")
_STATS = Question(method="stats")
_DOCS = "https://docs.celeryq.dev/en/stable/userguide/configuration.html#{}"

Shown = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTab:
    """One tab: `show` makes the template's context of the answers' values, in the order of the questions."""

    label: str | Promise
    questions: Sequence[Question]
    show: Callable[..., Shown]
    template: str


def _facts(pairs: Mapping[Any, Any] | None) -> SafeString | str:
    return parts.key_values([(_words(name), _value(value)) for name, value in (pairs or {}).items()])


def _words(name: object) -> str:
    return str(name).replace("_", " ").replace("-", " ")


def _value(value: Any) -> Any:
    """Plain values as they are, a list of them in a row, and anything else as JSON."""
    hidden = redactor().value(value)
    if isinstance(hidden, bool):
        return _("yes") if hidden else _("no")
    if isinstance(hidden, str | int | float) or hidden is None:
        return parts.cut_text(hidden) if isinstance(hidden, str) and len(hidden) > SHORT else hidden
    if isinstance(hidden, list) and all(isinstance(each, str | int | float) for each in hidden):
        return ", ".join(str(each) for each in hidden)
    return widgets.pretty_json(hidden)


def _pool(stats: Any) -> Shown:
    pool = dict(stats.get("pool") or {})
    writes = pool.pop("writes", None)
    processes = pool.get("processes") or []
    uptime = stats.get("uptime")
    about = {
        "uptime": widgets.duration(uptime) if isinstance(uptime, int | float) else uptime,
        "process_id": stats.get("pid"),
        "prefetch_count": stats.get("prefetch_count"),
        "clock": stats.get("clock"),
    }
    return {
        "about": _facts(about),
        "pool": _facts(pool),
        "size": len(processes),
        "writes": _facts(writes) if isinstance(writes, Mapping) else None,
        "autoscaler": stats.get("autoscaler"),
        "autoscaled": _facts(stats.get("autoscaler")),
    }


def _broker(stats: Any) -> Shown:
    return {"facts": _facts(redactor().value(stats.get("broker")))}


def _system(stats: Any) -> Shown:
    usage = stats.get("rusage")
    if not isinstance(usage, Mapping):
        return {"facts": _("This worker's platform tells nothing of it.")}
    units = {"utime": "s", "stime": "s", "maxrss": "KB", "ixrss": "KB", "idrss": "KB", "isrss": "KB"}
    names = {
        "utime": _("processor time, user"),
        "stime": _("processor time, system"),
        "maxrss": _("memory at its peak"),
        "ixrss": _("shared memory"),
        "idrss": _("unshared data"),
        "isrss": _("unshared stack"),
        "minflt": _("page faults without input"),
        "majflt": _("page faults with input"),
        "nswap": _("swapped out"),
        "inblock": _("blocks read"),
        "oublock": _("blocks written"),
        "msgsnd": _("messages sent"),
        "msgrcv": _("messages received"),
        "nsignals": _("signals received"),
        "nvcsw": _("context switches, voluntary"),
        "nivcsw": _("context switches, involuntary"),
    }
    pairs = [
        (
            names.get(name, name),
            f"{value:,} {units.get(name, '')}" if isinstance(value, int | float) else value,
        )
        for name, value in usage.items()
    ]
    return {"facts": parts.key_values(pairs)}


def _queues(told: Any) -> Shown:
    rows = []
    for queue in told or ():
        exchange = queue.get("exchange") or {}
        more = {
            name: value
            for name, value in queue.items()
            if name not in {"name", "exchange", "routing_key"} and value not in (None, [], {}, "")
        }
        rows.append(
            {
                "name": queue.get("name"),
                "exchange": exchange.get("name"),
                "type": exchange.get("type"),
                "routing_key": queue.get("routing_key"),
                "more": ", ".join(
                    f"{_words(name)}: {redactor().value(value)}" for name, value in more.items()
                ),
            }
        )
    return {"rows": rows}


def _requests(told: Any) -> Shown:
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


def _revoked(told: Any) -> Shown:
    ids = [str(each) for each in (told or ())]
    shown = ids[::-1][:MOST]  # the latest come last
    pages = task_pages(shown)
    return {"rows": [(task_id, pages.get(task_id, "")) for task_id in shown], "more": len(ids) - len(shown)}


def _limits(registered: Any, stats: Any) -> Shown:
    totals = stats.get("total") or {}
    known = limits.read(registered or ())
    for name in totals:
        known.setdefault(name, limits.Limits(name))
    rows = [
        {"limits": known[name], "processed": totals.get(name, 0)}
        for name in sorted(known, key=lambda name: (-int(totals.get(name, 0)), name))
    ]
    return {"rows": rows}


def _configuration(told: Any) -> Shown:
    """Celery's settings; those of Django, which a worker sends as well, have no business here."""
    own = {name: value for name, value in (told or {}).items() if _is_celerys(str(name))}
    pairs = [(_documented(name), _value(value)) for name, value in sorted(redactor().value(own).items())]
    return {"facts": parts.key_values(pairs), "others": len(told or {}) - len(own)}


def _is_celerys(name: str) -> bool:
    return not name.isupper() or name.startswith(_prefix()) or name in CELERYS_OLD


def _prefix() -> str:
    """What Celery's settings begin with among Django's: the worker's app and this one are one project's."""
    return f"{getattr(current_app, 'namespace', None) or 'CELERY'}_"


def _documented(name: str) -> SafeString:
    """A setting's name, linked to what Celery says of it."""
    anchor = name.removeprefix(_prefix()).lower().replace("_", "-")
    return format_html('<a href="{}" rel="noreferrer">{}</a>', _DOCS.format(anchor), name)


def task_pages(task_ids: Sequence[str]) -> dict[str, str]:
    """The URLs of the pages of those tasks that a camera saw; one statement."""
    rows = TaskState.objects.filter(task_id__in=list(task_ids)).order_by().values_list("task_id", "pk")
    return {task_id: reverse("admin:djtaskq_monitor_taskstate_change", args=[pk]) for task_id, pk in rows}


TABS: Mapping[str, WorkerTab] = {
    "pool": WorkerTab(
        label=gettext_lazy("Pool"),
        questions=[_STATS],
        show=_pool,
        template="djtaskq_monitor/worker/pool.html",
    ),
    "queues": WorkerTab(
        label=gettext_lazy("Queues"),
        questions=[Question(method="active_queues")],
        show=_queues,
        template="djtaskq_monitor/worker/queues.html",
    ),
    "active": WorkerTab(
        label=gettext_lazy("Active"),
        questions=[Question(method="active", arguments={"safe": True})],
        show=_requests,
        template="djtaskq_monitor/worker/requests.html",
    ),
    "reserved": WorkerTab(
        label=gettext_lazy("Reserved"),
        questions=[Question(method="reserved")],
        show=_requests,
        template="djtaskq_monitor/worker/requests.html",
    ),
    "scheduled": WorkerTab(
        label=gettext_lazy("Scheduled"),
        questions=[Question(method="scheduled")],
        show=_requests,
        template="djtaskq_monitor/worker/requests.html",
    ),
    "revoked": WorkerTab(
        label=gettext_lazy("Revoked"),
        questions=[Question(method="revoked")],
        show=_revoked,
        template="djtaskq_monitor/worker/revoked.html",
    ),
    "limits": WorkerTab(
        label=gettext_lazy("Tasks and limits"),
        questions=[limits.QUESTION, _STATS],
        show=_limits,
        template="djtaskq_monitor/worker/limits.html",
    ),
    "broker": WorkerTab(
        label=gettext_lazy("Broker"),
        questions=[_STATS],
        show=_broker,
        template="djtaskq_monitor/worker/facts.html",
    ),
    "configuration": WorkerTab(
        label=gettext_lazy("Configuration"),
        questions=[Question(method="conf", arguments={"with_defaults": False})],
        show=_configuration,
        template="djtaskq_monitor/worker/configuration.html",
    ),
    "system": WorkerTab(
        label=gettext_lazy("System"),
        questions=[_STATS],
        show=_system,
        template="djtaskq_monitor/worker/facts.html",
    ),
}
