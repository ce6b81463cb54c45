"""The primary keys of django-celery-results' tables: 32 bits wide there, and used up at 2,147,483,647."""

from collections.abc import Sequence
from typing import Any

from celery.utils.log import get_logger
from django.apps import AppConfig
from django.core import checks
from django.db import models, router
from django_celery_results.models import ChordCounter, GroupResult, TaskResult  # type: ignore[attr-defined]  # stubs

from djtaskq.db.widening import key_range

logger = get_logger(__name__)

MODELS: tuple[type[models.Model], ...] = (TaskResult, GroupResult, ChordCounter)
# Past this share there is a warning: from here on it took as long as it will still take.
EARLY = 0.5


def register() -> None:
    """Let lookups by primary key go beyond 32 bits.

    Django knows the field as an AutoField, and answers a lookup beyond its range without asking the
    database: a row with a larger key would be there, and never found. Migrations do not see this.
    """
    for model in MODELS:
        model._meta.pk.get_internal_type = lambda: "BigAutoField"  # type: ignore[method-assign]


def check_keys(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    databases: Sequence[str] | None = None,
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    """W002: half of a table's keys or more are used up."""
    return [
        checks.Warning(
            told, hint='Run "python manage.py widen_result_keys --dry-run".', id="djtaskq_results.W002"
        )
        for told in used_up(databases or ())
    ]


def warn_at_start(**_signal: Any) -> None:
    """Receiver of `worker_ready`: who never runs checks reads the worker's log."""
    for told in used_up([router.db_for_write(TaskResult)]):
        logger.warning('%s Run "python manage.py widen_result_keys".', told)


def used_up(databases: Sequence[str]) -> list[str]:
    """A sentence for each table that has given out many of its keys; one statement for each table."""
    told = []
    for using in databases:
        for model in MODELS:
            if router.db_for_write(model) != using:
                continue
            known = key_range(model, using)
            if known is not None and not known.wide and known.used >= EARLY:
                told.append(
                    f"{known.table} has used {known.used:.0%} of its primary keys of 32 bits: "
                    f"{known.largest - known.last:,} are left, and then no result can be stored."
                )
    return told
