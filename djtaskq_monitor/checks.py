"""System checks: what the camera cannot see with the settings as they are."""

from collections.abc import Sequence
from typing import Any

from celery import current_app
from django.apps import AppConfig
from django.core import checks

from djtaskq.conf import conf, problems
from djtaskq_monitor.probing import SHORTEST_TOKEN, networks


def register() -> None:
    checks.register(check_events)
    checks.register(check_probing)


def check_events(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if any(problems()):
        return found  # settings that cannot be read: the core's check says so
    if not current_app.conf.worker_send_task_events and not conf().MONITOR_ENABLE_EVENTS:
        found.append(
            checks.Warning(
                "Workers send no events about tasks, and the camera may not tell them to.",
                hint="Set CELERY_WORKER_SEND_TASK_EVENTS = True or start workers with -E. If you do start"
                ' them with -E, silence this check; or set DJTASKQ["MONITOR_ENABLE_EVENTS"] = True.',
                id="djtaskq_monitor.W001",
            )
        )
    if not current_app.conf.task_send_sent_event:
        found.append(
            checks.Info(
                "No event tells when a task was sent: its queue and its wait in the queue stay unknown, and"
                " it is not seen before a worker receives it.",
                hint="Set CELERY_TASK_SEND_SENT_EVENT = True.",
                id="djtaskq_monitor.W002",
            )
        )
    return found


def check_probing(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    if any(problems()):
        return []
    found: list[checks.CheckMessage] = [
        checks.Error(
            f"DJTASKQ['MONITOR_PROBE_NETWORKS'] has {text!r}, which is no network.",
            hint="Write it as in 10.0.0.0/8 or fd00::/8, with no bit set behind the prefix.",
            id="djtaskq_monitor.E001",
        )
        for text in networks()[1]
    ]
    token = conf().MONITOR_PROBE_TOKEN
    if token is not None and len(token) < SHORTEST_TOKEN:
        found.append(
            checks.Error(
                f"DJTASKQ['MONITOR_PROBE_TOKEN'] is shorter than {SHORTEST_TOKEN} characters.",
                hint='Make one with python -c "import secrets; print(secrets.token_urlsafe())".',
                id="djtaskq_monitor.E002",
            )
        )
    return found
