"""Pairs of names and values out of an answer, without secrets."""

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from djtaskq.admin import parts, widgets
from djtaskq.redactor import redactor

# A text up to this length is no text to be copied.
SHORT = 60

Shown = dict[str, Any]


def facts(pairs: Mapping[Any, Any] | None) -> SafeString | str:
    return parts.key_values([(words_of(name), plain(value)) for name, value in (pairs or {}).items()])


def words_of(name: object) -> str:
    return str(name).replace("_", " ").replace("-", " ")


def plain(value: Any) -> Any:
    """Plain values as they are, a list of them in a row, and anything else as JSON."""
    hidden = redactor().value(value)
    if isinstance(hidden, bool):
        return _("yes") if hidden else _("no")
    if isinstance(hidden, str | int | float) or hidden is None:
        return parts.cut_text(hidden) if isinstance(hidden, str) and len(hidden) > SHORT else hidden
    if isinstance(hidden, list) and all(isinstance(each, str | int | float) for each in hidden):
        return ", ".join(str(each) for each in hidden)
    return widgets.pretty_json(hidden)
