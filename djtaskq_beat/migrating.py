"""The triggers come and go with the tables: made after `migrate`, dropped before it changes one of them."""

import logging
from collections.abc import Collection, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks
from django.db import connections, models, router
from django.db.models.signals import post_migrate, pre_migrate

from djtaskq.db.triggers import TriggersRefused
from djtaskq_beat.reconciliation import reconcile_all
from djtaskq_beat.triggers import MODELS, TRIGGERS, ask_active, forget_active

logger = logging.getLogger("djtaskq_beat")
_APPS = {model._meta.app_label for model in MODELS}
_WHAT_TO_DO = (
    "Run manage.py migrate as a role that owns django-celery-beat's tables; on MySQL and MariaDB, one that "
    "has the privilege TRIGGER, and SUPER or log_bin_trust_function_creators=1 where there is a binary log."
)


def connect() -> None:
    config = apps.get_app_config("djtaskq_beat")
    pre_migrate.connect(before_migrate, sender=config, dispatch_uid="djtaskq_beat.before_migrate")
    post_migrate.connect(after_migrate, sender=config, dispatch_uid="djtaskq_beat.after_migrate")


def register() -> None:
    checks.register(check_triggers, checks.Tags.database)


def before_migrate(*, using: str, plan: Collection[Any] = (), **_signal: Any) -> None:
    """Drop them where a table is about to change: not every database alters one that a trigger names."""
    if _at_home(using) and any(migration.app_label in _APPS for migration, _backwards in plan):
        forget_active(using)
        try:
            TRIGGERS.drop(using)
        except TriggersRefused as refused:
            logger.warning("djtaskq_beat's triggers stay as they are. %s", refused)


def after_migrate(*, using: str, apps: Any = apps, **_signal: Any) -> None:
    """Make them where all tables are there, and look through all rows for what changed without them."""
    if not _at_home(using) or not _as_the_models_are(apps):
        return
    forget_active(using)
    try:
        if TRIGGERS.missing(using) and _exist(using) and TRIGGERS.install(using):
            reconcile_all(using)
    except TriggersRefused as refused:
        logger.warning(
            "%s\nBeat will see what is changed past Django's signals all the same, by comparing all periodic "
            "tasks. To spare it that: %s",
            refused,
            _WHAT_TO_DO,
        )


def check_triggers(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  Django passes it by name
    databases: Collection[str] | None = None,
    **_kwargs: Any,
) -> list[checks.CheckMessage]:
    return [
        checks.Warning(
            f"The triggers of djtaskq_beat are not in the database {using!r}: to see what is changed past "
            "Django's signals, beat has to compare all periodic tasks every time.",
            hint=_WHAT_TO_DO,
            id="djtaskq_beat.W003",
        )
        for using in databases or ()
        if _at_home(using) and _exist(using) and not ask_active(using)
    ]


def _at_home(using: str) -> bool:
    """Whether all the tables belong into this database: triggers reach no other one."""
    return all(router.allow_migrate_model(using, model) for model in MODELS)


def _exist(using: str) -> bool:
    tables = set(connections[using].introspection.table_names())
    return all(model._meta.db_table in tables for model in MODELS)


def _as_the_models_are(state: Any) -> bool:
    """Whether migrations went as far as this code; not if they were taken back, or stopped on the way."""
    try:
        return all(_columns(state.get_model(model._meta.label)) == _columns(model) for model in MODELS)
    except LookupError:
        return False


def _columns(model: type[models.Model]) -> set[str]:
    return {str(field.column) for field in model._meta.concrete_fields}
