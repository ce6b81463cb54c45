"""System checks: what stands in the way of storing results, before a worker finds out."""

import difflib
from collections.abc import Sequence
from typing import Any

from celery import current_app
from celery.app import backends as celery_backends
from celery.exceptions import ImproperlyConfigured
from django.apps import AppConfig
from django.core import checks

ENTRY_POINT = "djtaskq"
PATH = "djtaskq_results.backends:DatabaseBackend"
NAMES = (ENTRY_POINT, PATH, PATH.replace(":", "."))
ALIKE = 0.75


def register() -> None:
    checks.register(check_result_backend)


def check_result_backend(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    """E002: a result backend that was to be ours and is mistyped. W001: one that is another's."""
    name = current_app.conf.result_backend
    if not isinstance(name, str) or not name or name in NAMES:
        return []
    if _loads(name):
        return [
            checks.Warning(
                f"djtaskq_results is installed, and Celery stores results with {name!r}.",
                hint=f'Set the result backend to "{ENTRY_POINT}", or take djtaskq_results out.',
                id="djtaskq_results.W001",
            )
        ]
    close = difflib.get_close_matches(name, NAMES, n=1, cutoff=ALIKE)
    if not close:
        return []  # Celery says what it thinks of a name that has nothing to do with us
    return [
        checks.Error(
            f"Celery knows no result backend {name!r}.",
            hint=f'Did you mean "{close[0]}"? The short name is "{ENTRY_POINT}".',
            id="djtaskq_results.E002",
        )
    ]


def _loads(name: str) -> bool:
    try:
        celery_backends.by_url(name, current_app.loader)
    except (ImproperlyConfigured, ImportError, AttributeError):
        return False
    return True
