"""The suite's small parts for templates: `{% load djtaskq %}`."""

import functools
from collections.abc import Callable
from typing import Any

from django import template

from djtaskq.admin import widgets

register = template.Library()


def _or_none(show: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A template gives "" for what it does not find; a part of ours takes None for it."""
    return functools.wraps(show)(lambda value: show(None if value == "" else value))


register.filter("state_badge", widgets.state_badge)
register.filter("when", _or_none(widgets.when))
register.filter("exactly", _or_none(widgets.exactly))
register.filter("duration", _or_none(widgets.duration))


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
