"""What only the monitor's pages show: `{% load djtaskq_monitor %}`."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from djtaskq.admin.parts.drawings import figure
from djtaskq.admin.widgets import DASH

register = template.Library()


@register.filter("figure")
def shown_figure(value: Any) -> str:
    return DASH if value is None or value == "" else figure(float(value))


@register.filter
def percent(share: Any) -> str:
    """A share of one as a percentage: `0.4 %`, `12 %`; little is never said to be nothing."""
    if share is None or share == "":
        return DASH
    hundredths = 100 * float(share)
    if 0 < hundredths < 0.1:  # noqa: PLR2004  below it, no decimal is left
        return "< 0.1 %"
    return f"{hundredths:.1f} %" if 0 < hundredths < 10 else f"{hundredths:.0f} %"  # noqa: PLR2004


@register.simple_tag
def maybe_link(url: str, text: Any) -> SafeString | str:
    """The text, as a link where there is a page that the user may see."""
    return format_html('<a href="{}">{}</a>', url, text) if url else format_html("{}", text)
