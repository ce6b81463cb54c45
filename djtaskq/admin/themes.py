"""Other looks of the admin: which one is in force, where our pages have to know."""

import functools
from pathlib import Path

from django.core.signals import setting_changed
from django.template import TemplateDoesNotExist
from django.template.loader import get_template


@functools.cache
def unfolded() -> bool:
    """Whether django-unfold draws the admin: it is installed before Django's own admin."""
    try:
        origin = get_template("admin/base.html").template.origin  # type: ignore[attr-defined]  # of any engine
    except (TemplateDoesNotExist, AttributeError):
        return False
    return "unfold" in Path(str(origin.name)).parts


def _forget(*, setting: str, **_kwargs: object) -> None:
    if setting in {"INSTALLED_APPS", "TEMPLATES"}:
        unfolded.cache_clear()


setting_changed.connect(_forget, dispatch_uid="djtaskq.admin.themes")
