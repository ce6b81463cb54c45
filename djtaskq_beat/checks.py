"""System checks of beat: what is misspelt, and what will surprise."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import router

from djtaskq.conf import InvalidSetting, conf
from djtaskq_beat.alerting.checks import check_alerts

NAME = "djtaskq"
PATH = "djtaskq_beat.schedulers:DatabaseScheduler"
_THEIRS = ("django", "django_celery_beat.schedulers:DatabaseScheduler")


def register() -> None:
    checks.register(check_scheduler)
    checks.register(check_time_zones)
    checks.register(check_databases)
    checks.register(check_grace)
    checks.register(check_alerts)


def check_scheduler(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    """Whether the dotted path of beat's scheduler leads to a class; `beat -S` cannot be seen from here."""
    path = _celery_setting("BEAT_SCHEDULER")
    if not isinstance(path, str) or not path:
        return []
    try:
        found = scheduler_class(path)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        problem = f"CELERY_BEAT_SCHEDULER is {path!r}, which cannot be imported: {error}"
        return [checks.Error(problem, hint=_suggestion(path), id="djtaskq_beat.E002")]
    if found is None:
        problem = f"CELERY_BEAT_SCHEDULER is {path!r}, which is no scheduler of Celery's."
        return [checks.Error(problem, hint=_suggestion(path), id="djtaskq_beat.E003")]
    return []


def scheduler_class(path: str) -> type | None:
    """What Celery would take for `path`, None if it is no scheduler; raises what importing raises."""
    from celery.beat import Scheduler
    from celery.utils.imports import symbol_by_name

    found = symbol_by_name(path, aliases=_aliases())
    return found if isinstance(found, type) and issubclass(found, Scheduler) else None


def check_time_zones(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    return [checks.Warning(text, hint=hint, id=check_id) for check_id, text, hint in _zone_problems()]


def check_databases(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    """Whether routers keep our tables beside django-celery-beat's: they are joined in every statement."""
    from django_celery_beat.models import PeriodicTask

    from djtaskq_beat.models import NextRun

    ours, theirs = router.db_for_write(NextRun), router.db_for_write(PeriodicTask)
    if ours == theirs:
        return []
    problem = (
        f"A database router has djtaskq_beat write to {ours!r} and django_celery_beat to {theirs!r}: "
        "their tables are read together and must be in one database."
    )
    hint = "Have DATABASE_ROUTERS answer the same for both apps, then run migrate on that database."
    return [checks.Error(problem, hint=hint, id="djtaskq_beat.E004")]


def check_grace(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    """Whether a beat has published what it claimed before another one may take it over."""
    try:
        grace, publish = conf().BEAT_GRACE_SECONDS, conf().BEAT_PUBLISH_SECONDS
    except InvalidSetting:
        return []  # reported as djtaskq.E003
    if grace > publish:
        return []
    problem = (
        f"DJTASKQ['BEAT_GRACE_SECONDS'] is {grace} and BEAT_PUBLISH_SECONDS is {publish}: while the broker "
        "is slow, what one beat is still publishing is taken over by another one, and goes out twice under "
        "the same task id."
    )
    hint = "Make BEAT_GRACE_SECONDS several times BEAT_PUBLISH_SECONDS; the defaults are 30 and 5."
    return [checks.Warning(problem, hint=hint, id="djtaskq_beat.W005")]


def _zone_problems() -> Iterator[tuple[str, str, str]]:
    zone = _celery_setting("TIMEZONE")
    if isinstance(zone, str) and zone and zone != settings.TIME_ZONE:
        yield (
            "djtaskq_beat.W001",
            (
                f"CELERY_TIMEZONE is {zone!r} and TIME_ZONE is {settings.TIME_ZONE!r}: a new crontab is "
                "in the first, while the admin shows and reads times in the second."
            ),
            "Set CELERY_TIMEZONE = TIME_ZONE, or silence this warning if that is what you want.",
        )
    if not getattr(settings, "DJANGO_CELERY_BEAT_TZ_AWARE", True):
        yield (
            "djtaskq_beat.W002",
            (
                "DJANGO_CELERY_BEAT_TZ_AWARE is False: django-celery-beat's scheduler ignored the time zone "
                "of each crontab, djtaskq's follows it."
            ),
            "See that each crontab's time zone is the one you mean; then remove the setting or silence this.",
        )


def _celery_setting(name: str) -> Any:
    """A setting in Django's settings under Celery's usual prefix."""
    return getattr(settings, f"CELERY_{name}", None)


def _aliases() -> dict[str, str]:
    """The short names that installed packages give their schedulers."""
    from celery.utils.imports import load_extension_class_names

    pairs: Any = load_extension_class_names("celery.beat_schedulers")
    return dict(pairs)


def _suggestion(path: str) -> str:
    known = {NAME, PATH, PATH.replace(":", "."), *_THEIRS, *_aliases()}
    close = difflib.get_close_matches(path, sorted(known), n=1, cutoff=0.5)
    return f'Did you mean "{close[0]}"?' if close else f'Set CELERY_BEAT_SCHEDULER = "{NAME}".'
