"""The suite's small parts for templates: `{% load djtaskq %}`."""

from typing import Any

from django import template

from djtaskq.admin import widgets

register = template.Library()

register.filter("state_badge", widgets.state_badge)
register.filter("when", widgets.when)
register.filter("exactly", widgets.exactly)
register.filter("duration", widgets.duration)


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
