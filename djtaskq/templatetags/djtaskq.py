"""The suite's parts for templates: `{% load djtaskq %}`."""

import functools
import time
from collections.abc import Callable
from typing import Any

from django import template
from django.utils.safestring import SafeString

from djtaskq.admin import parts, widgets
from djtaskq.admin.navigation import navigation
from djtaskq.admin.themes import unfolded
from djtaskq.redactor import redactor

register = template.Library()

INTERVALS = (1, 2, 5, 15, 60)
SCRIPTS = tuple(f"djtaskq/{name}.js" for name in ("morph", "live", "times", "keys", "copy"))


def _or_none(show: Callable[..., Any]) -> Callable[..., Any]:
    """A template gives "" for what it does not find; a part of ours takes None for it."""
    return functools.wraps(show)(lambda value: show(None if value == "" else value))


register.filter("state_badge", widgets.state_badge)
register.filter("when", _or_none(widgets.when))
register.filter("exactly", _or_none(widgets.exactly))
register.filter("duration", _or_none(widgets.duration))


@register.filter
def redacted(text: Any) -> str:
    """A text that may carry arguments, without its secrets."""
    return redactor().text(str(text))


register.simple_tag(widgets.badge, name="badge")
register.simple_tag(parts.bar, name="bar")
register.simple_tag(parts.cut_text, name="cut_text")
register.simple_tag(parts.filter_bar, name="filter_bar")
register.simple_tag(parts.key_values, name="key_values")
register.simple_tag(parts.sparkline, name="sparkline")
register.simple_tag(parts.strip, name="strip")
register.simple_tag(parts.tabs, name="tabs")
register.simple_tag(parts.timeline, name="timeline")


@register.inclusion_tag("djtaskq/assets.html")
def djtaskq_assets() -> dict[str, Any]:
    """The style sheet and the scripts of each of our pages."""
    return {"scripts": SCRIPTS, "unfolded": unfolded()}


@register.inclusion_tag("djtaskq/charts.html")
def djtaskq_charts() -> dict[str, Any]:
    """What a page with charts needs beside that: in its block `extrahead`."""
    return {}


@register.simple_tag(takes_context=True)
def djtaskq_navigation(context: Any, *, unfold: bool = False) -> SafeString | str:
    """The way to the other pages, how often the page is refreshed, and its keys.

    `unfold` says that this is the place for it under django-unfold: elsewhere it is empty, and the other way
    round.
    """
    request = context.get("request")
    if request is None or unfold != unfolded():
        return ""  # without that context processor nobody knows who asks
    shown = {"entries": navigation(request), "intervals": INTERVALS, "now": f"{time.time():.3f}"}
    return template.loader.render_to_string("djtaskq/navigation.html", shown)


@register.inclusion_tag("djtaskq/pagination.html")
def capped_pagination(changelist: Any) -> dict[str, Any]:
    """Page links under a list, with a count that says where it stopped counting."""
    paginator = changelist.paginator
    pages = paginator.get_elided_page_range(changelist.page_num) if changelist.multi_page else ()
    return {
        "cl": changelist,
        "pages": [(page, None if page == paginator.ELLIPSIS else _link(changelist, page)) for page in pages],
        "capped": getattr(paginator, "capped", False),
    }


def _link(changelist: Any, page: Any) -> str:
    return str(changelist.get_query_string({"p": page}))
