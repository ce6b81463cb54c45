"""Periodic tasks by the names that people type."""

import difflib

from django_celery_beat.models import PeriodicTask

from djtaskq_beat.errors import NoSuchSchedule

_NEAR = 5
_ALIKE = 0.6


def pk_of(name: str, using: str) -> int:
    """The key of the periodic task `name`; raises `NoSuchSchedule`, with names like it."""
    tasks = PeriodicTask._default_manager.using(using)
    pk: int | None = tasks.filter(name=name).values_list("pk", flat=True).first()
    if pk is None:
        raise NoSuchSchedule(name=name, hint=_hint(like(name, using)))
    return pk


def like(name: str, using: str) -> list[str]:
    """Up to three names that `name` may have been meant to be.

    Only the neighbours of the name, and of its first half, in the index are looked at, however many there
    are.
    """
    tasks = PeriodicTask._default_manager.using(using)
    found: set[str] = set()
    for start in {name, name[: (len(name) + 1) // 2]}:
        found.update(tasks.filter(name__gte=start).order_by("name").values_list("name", flat=True)[:_NEAR])
        found.update(tasks.filter(name__lt=start).order_by("-name").values_list("name", flat=True)[:_NEAR])
    lowered = {candidate.lower(): candidate for candidate in sorted(found)}
    close = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=_ALIKE)
    return [lowered[key] for key in close]


def _hint(names: list[str]) -> str:
    if not names:
        return "“manage.py beat_next --all” lists them."
    return "Did you mean " + " or ".join(f"“{name}”" for name in names) + "?"
