"""System checks of the core: the settings' dictionary."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks

from djtaskq import conf


def register() -> None:
    checks.register(check_settings)


def check_settings(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    return [checks.Error(problem.text, hint=problem.hint, id=problem.check_id) for problem in conf.problems()]
