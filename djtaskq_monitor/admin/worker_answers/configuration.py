"""The tab with Celery's settings as a worker has them."""

from typing import Any

from celery import current_app
from celery.app.defaults import _OLD_SETTING_KEYS as CELERYS_OLD  # type: ignore[attr-defined]  # not in the stubs
from django.utils.html import format_html
from django.utils.safestring import SafeString

from djtaskq.admin import parts
from djtaskq.redactor import redactor
from djtaskq_monitor.admin.worker_answers.facts import Shown, plain

_DOCS = "https://docs.celeryq.dev/en/stable/userguide/configuration.html#{}"


def configuration(told: Any) -> Shown:
    """Celery's settings; those of Django, which a worker sends as well, have no business here."""
    own = {name: value for name, value in (told or {}).items() if _is_celerys(str(name))}
    pairs = [(_documented(name), plain(value)) for name, value in sorted(redactor().value(own).items())]
    return {"facts": parts.key_values(pairs), "others": len(told or {}) - len(own)}


def _is_celerys(name: str) -> bool:
    return not name.isupper() or name.startswith(_prefix()) or name in CELERYS_OLD


def _prefix() -> str:
    """What Celery's settings begin with among Django's: the worker's app and this one are one project's."""
    return f"{getattr(current_app, 'namespace', None) or 'CELERY'}_"


def _documented(name: str) -> SafeString:
    """A setting's name, linked to what Celery says of it."""
    anchor = name.removeprefix(_prefix()).lower().replace("_", "-")
    return format_html('<a href="{}" rel="noreferrer">{}</a>', _DOCS.format(anchor), name)
