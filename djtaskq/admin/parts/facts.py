"""Facts: names with values, long texts, what happened when."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from djtaskq.admin.widgets import DASH, copy_button, copyable, duration, exactly

SHOWN = 200
WIDE = 160


def key_values(pairs: Iterable[tuple[Any, Any]]) -> SafeString | str:
    """Names and values, one below the other; a value that is None or "" is a dash."""
    rows = [(name, DASH if value is None or value == "" else value) for name, value in pairs]
    shown = format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows)
    return format_html('<dl class="djtaskq-facts">{}</dl>', shown) if rows else DASH


def cut_text(text: str | None, limit: int = SHOWN, whole_url: str = "") -> SafeString | str:
    """A text as far as `limit` characters, the whole on demand, and a button that copies it.

    `whole_url` is the page of the whole, where `text` is not all of it.
    """
    if not text:
        return DASH
    link = format_html(' <a href="{}">{}</a>', whole_url, _("Show the whole text")) if whole_url else ""
    if len(text) <= limit and "\n" not in text:
        return format_html(
            '<span class="djtaskq-text"><code data-copied>{}</code>{}{}</span>', text, copy_button(), link
        )
    first = text[:limit].replace("\n", " ")
    box = format_html('<pre class="djtaskq-block" data-copied>{}</pre>', text)
    more = _("all %s characters") % f"{len(text):,}"
    return format_html(
        '<details class="djtaskq-cut"><summary><code>{}…</code> '
        '<span class="djtaskq-more">{}</span></summary>{}{}</details>',
        *(first, more, copyable(box), link),
    )


def timeline(moments: Sequence[tuple[str, dt.datetime]]) -> SafeString | str:
    """What happened when, the earliest first, each with the time since the one before, also as a bar."""
    if not moments:
        return DASH
    first, last = moments[0][1], moments[-1][1]
    total = (last - first).total_seconds()
    before = [None, *(at for _name, at in moments)]
    rows = [
        (name, exactly(at), _after(at, was), _segment(first, was, at, total))
        for (name, at), was in zip(moments, before, strict=False)
    ]
    shown = format_html_join(
        "", '<tr class="djtaskq-number"><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>', rows
    )
    return format_html('<table class="djtaskq-table djtaskq-moments">{}</table>', shown)


def _after(at: dt.datetime, was: dt.datetime | None) -> str:
    return "" if was is None else f"+ {duration((at - was).total_seconds())}"


def _segment(first: dt.datetime, was: dt.datetime | None, at: dt.datetime, total: float) -> SafeString | str:
    """Where in the whole this step lies, to scale."""
    if was is None or total <= 0:
        return ""
    start, end = ((moment - first).total_seconds() / total * WIDE for moment in (was, at))
    return format_html(
        '<svg class="djtaskq-segment djtaskq-state--running" aria-hidden="true" width="{w}" height="10" '
        'viewBox="0 0 {w} 10"><rect class="djtaskq-whole" y="4" width="{w}" height="2"/>'
        '<rect class="djtaskq-bar" x="{}" width="{}" height="10"/></svg>',
        f"{start:.1f}",
        f"{max(end - start, 1.5):.1f}",
        w=WIDE,
    )
