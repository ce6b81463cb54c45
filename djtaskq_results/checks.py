"""System checks: what stands in the way of storing results, before a worker finds out."""

import difflib
from collections.abc import Sequence
from typing import Any

from celery import current_app
from celery.app import backends as celery_backends
from celery.exceptions import ImproperlyConfigured
from django.apps import AppConfig
from django.core import checks

from djtaskq.conf import InvalidSetting, conf
from djtaskq_results.lifetimes import problems
from djtaskq_results.widekeys import check_keys

ENTRY_POINT = "djtaskq"
PATH = "djtaskq_results.backends:DatabaseBackend"
NAMES = (ENTRY_POINT, PATH, PATH.replace(":", "."))
ALIKE = 0.75


def register() -> None:
    checks.register(check_result_backend)
    checks.register(check_retention)
    checks.register(check_keys, checks.Tags.database)


def check_result_backend(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    """E001: a result backend that was to be ours and is mistyped; E002: ours, and Celery cannot find it.

    W001: another one, while this app is installed.
    """
    name = current_app.conf.result_backend
    if not isinstance(name, str) or not name:
        return []
    if _loads(name):
        return [] if name in NAMES else [_another(name)]
    if name == ENTRY_POINT:
        return [_no_entry_point()]
    close = difflib.get_close_matches(name, NAMES, n=1, cutoff=ALIKE)
    # Celery says itself what it thinks of a name that has nothing to do with us.
    return [_mistyped(name, close[0])] if close else []


def check_retention(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    """E003: an entry of `RESULTS_RETENTION` that cannot be meant; W003: tasks named, and no name stored."""
    try:
        setting = conf().RESULTS_RETENTION or {}
    except InvalidSetting:
        return []  # the core's own check tells of it
    wrong: list[checks.CheckMessage] = [
        checks.Error(
            f'DJTASKQ["RESULTS_RETENTION"]{where}: {reason}',
            hint="docs/results.md shows the form under “How long results are kept”.",
            id="djtaskq_results.E003",
        )
        for where, reason in problems(setting)
    ]
    if setting.get("tasks") and not current_app.conf.find_value_for_key("extended", "result"):
        wrong.append(_nameless())
    return wrong


def _nameless() -> checks.CheckMessage:
    return checks.Warning(
        'DJTASKQ["RESULTS_RETENTION"] goes by names of tasks, and results are stored without them.',
        hint="Set CELERY_RESULT_EXTENDED = True; rows that have no name go by their state.",
        id="djtaskq_results.W003",
    )


def _another(name: str) -> checks.CheckMessage:
    return checks.Warning(
        f"djtaskq_results is installed, and Celery stores results with {name!r}.",
        hint=f'Set the result backend to "{ENTRY_POINT}", or take djtaskq_results out of INSTALLED_APPS.',
        id="djtaskq_results.W001",
    )


def _mistyped(name: str, meant: str) -> checks.CheckMessage:
    return checks.Error(
        f"Celery knows no result backend {name!r}.",
        hint=f'Did you mean "{meant}"? The short name is "{ENTRY_POINT}".',
        id="djtaskq_results.E001",
    )


def _no_entry_point() -> checks.CheckMessage:
    return checks.Error(
        f'Celery does not find the result backend "{ENTRY_POINT}".',
        hint=f'Its name comes with the installed package: run "pip install djtaskq", or name it as "{PATH}".',
        id="djtaskq_results.E002",
    )


def _loads(name: str) -> bool:
    try:
        celery_backends.by_url(name, current_app.loader)
    except (ImproperlyConfigured, ImportError, AttributeError):
        return False
    return True
