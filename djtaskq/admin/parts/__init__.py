"""The larger parts that pages are made of; `djtaskq.admin.widgets` has the small ones.

All are HTML and SVG as a strict Content-Security-Policy has them, and escape what they are given.
"""

from djtaskq.admin.parts.choosing import Field, Tab, filter_bar, tabs
from djtaskq.admin.parts.drawings import StripItem, bar, sparkline, strip
from djtaskq.admin.parts.facts import cut_text, key_values, timeline
from djtaskq.admin.parts.progress import progress_bar

__all__ = [
    "Field",
    "StripItem",
    "Tab",
    "bar",
    "cut_text",
    "filter_bar",
    "key_values",
    "progress_bar",
    "sparkline",
    "strip",
    "tabs",
    "timeline",
]
