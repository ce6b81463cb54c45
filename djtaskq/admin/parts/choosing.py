"""Choosing what a page shows: tabs and a bar of filters, which keep all that is chosen in the URL."""

import dataclasses
from collections.abc import Iterable, Sequence

from django.template.loader import render_to_string
from django.utils.safestring import SafeString


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """One tab; `count` is shown beside its name, "" for none, and may be capped (“10,000+”)."""

    label: str
    url: str
    current: bool = False
    count: str | int = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One filter: a text with suggestions, or with `choices` (value and label) a list to choose from.

    `kind` is the type of the HTML input; `search` is what the key `/` goes to.
    """

    name: str
    label: str
    value: str = ""
    choices: Sequence[tuple[str, str]] = ()
    suggestions: Sequence[str] = ()
    kind: str = "text"
    placeholder: str = ""
    search: bool = False


def tabs(items: Iterable[Tab], label: str = "") -> SafeString:
    """Links to the parts of a page, or to lists by state."""
    return render_to_string("djtaskq/tabs.html", {"tabs": list(items), "label": label})


def filter_bar(
    fields: Iterable[Field], others: Iterable[tuple[str, str]] = (), reset: str = ""
) -> SafeString:
    """A form that filters the page it is on; `others` of the query are kept, the URL `reset` clears all."""
    context = {"fields": list(fields), "others": list(others), "reset": reset}
    return render_to_string("djtaskq/filter_bar.html", context)
