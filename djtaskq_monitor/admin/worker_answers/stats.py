"""The tabs that show a worker's statistics: its pool, its broker, its process."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from djtaskq.admin import parts, widgets
from djtaskq.redactor import redactor
from djtaskq_monitor.admin.worker_answers.facts import Shown, facts


def pool(stats: Any) -> Shown:
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
        "about": facts(about),
        "pool": facts(pool),
        "size": len(processes),
        "writes": facts(writes) if isinstance(writes, Mapping) else None,
        "autoscaler": stats.get("autoscaler"),
        "autoscaled": facts(stats.get("autoscaler")),
    }


def broker(stats: Any) -> Shown:
    return {"facts": facts(redactor().value(stats.get("broker")))}


def system(stats: Any) -> Shown:
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
