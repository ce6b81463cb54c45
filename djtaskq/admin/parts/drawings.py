"""Small drawings: a line of values, a strip of outcomes, a bar. Each says in words what it shows."""

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from djtaskq.admin.widgets import DASH

BAR, GAP = 14, 4
TALLEST, SHORTEST, SIGNS = 48, 3, 16
WIDE, HIGH = 120, 24


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StripItem:
    """One of a strip: `kind` and `sign` are a look's, `label` says it in words.

    `size` is a part of the tallest, from 0 to 1; None for what is not known.
    """

    kind: str
    sign: str
    label: str
    url: str = ""
    size: float | None = None


def strip(items: Sequence[StripItem], label: str = "") -> SafeString | str:
    """Outcomes side by side in the order given, each a bar with its sign below, and a link to its URL."""
    if not items:
        return DASH
    width, height = len(items) * (BAR + GAP), TALLEST + SIGNS
    drawn = format_html_join("", "{}", ((_bar_of(number, item),) for number, item in enumerate(items)))
    return format_html(
        '<svg class="djtaskq-strip" role="group" aria-label="{}" viewBox="0 0 {w} {h}" '
        'width="{w}" height="{h}">{}</svg>',
        label,
        drawn,
        w=width,
        h=height,
    )


def _bar_of(number: int, item: StripItem) -> SafeString:
    x, tall = number * (BAR + GAP) + GAP // 2, height_of(item.size)
    shapes = format_html(
        '<title>{}</title><rect class="djtaskq-hit" x="{x}" y="0" width="{}" height="{}"/>'
        '<rect class="djtaskq-bar" x="{x}" y="{}" width="{}" height="{}"/>'
        '<text x="{}" y="{}" text-anchor="middle" aria-hidden="true">{}</text>',
        *(item.label, BAR, TALLEST + SIGNS, TALLEST - tall, BAR, tall),
        *(x + BAR // 2, TALLEST + SIGNS - GAP, item.sign),
        x=x,
    )
    if item.url:
        return format_html(
            '<a href="{}" class="djtaskq-state--{}" aria-label="{}">{}</a>',
            *(item.url, item.kind, item.label, shapes),
        )
    return format_html(
        '<g class="djtaskq-state--{}" role="img" aria-label="{}">{}</g>', item.kind, item.label, shapes
    )


def height_of(size: float | None) -> int:
    """In proportion to the tallest; what is short or unknown can still be seen and pointed at."""
    if size is None or not size > 0:
        return SHORTEST
    return SHORTEST + round((TALLEST - SHORTEST) * min(size, 1))


def sparkline(values: Iterable[float | None], label: str = "", kind: str = "running") -> SafeString | str:
    """Values in order as a small line from zero up; where one is None, the line has a gap.

    `label` says what they are, and begins what a screen reader reads.
    """
    points = list(values)
    known = [value for value in points if value is not None]
    if not known:
        return DASH
    words = _("latest %(latest)s, highest %(highest)s") % {
        "latest": figure(known[-1]),
        "highest": figure(max(known)),
    }
    said = f"{label}: {words}" if label else words
    return format_html(
        '<svg class="djtaskq-spark djtaskq-state--{kind}" role="img" aria-label="{said}" width="{w}" '
        'height="{h}" viewBox="0 0 {w} {h}" preserveAspectRatio="none"><title>{said}</title>{lines}</svg>',
        kind=kind,
        said=said,
        w=WIDE,
        h=HIGH,
        lines=_lines(points, max(known)),
    )


def _lines(points: Sequence[float | None], highest: float) -> SafeString:
    """A line for each run of known values; a lone one is a dot."""
    step, top = WIDE / max(len(points) - 1, 1), highest if highest > 0 else 1
    drawn = []
    for known, run in groupby(enumerate(points), lambda point: point[1] is not None):
        if not known:
            continue
        places = [(n * step, HIGH - 1 - (HIGH - 2) * max(value or 0, 0) / top) for n, value in run]
        if len(places) == 1:
            places.append((places[0][0] + 0.1, places[0][1]))
        drawn.append(" ".join(f"{x:.1f},{y:.1f}" for x, y in places))
    return format_html_join("", '<polyline points="{}"/>', ((line,) for line in drawn))


def bar(
    value: float, whole: float | None, label: str = "", kind: str = "running", text: str | None = None
) -> SafeString:
    """How much of the whole, as a bar with the figures beside it; `text` in their place if it is given.

    A whole that is None or zero is not known: then the value stands alone.
    """
    if text is None:
        text = f"{figure(value)} / {figure(whole)}" if whole else figure(value)
    shown = format_html('<span class="djtaskq-number">{}</span>', text)
    if not whole:
        return shown
    part = 100 * min(max(value / whole, 0), 1)
    return format_html(
        '<span class="djtaskq-meter djtaskq-state--{}"><svg role="img" aria-label="{}" viewBox="0 0 100 8" '
        'preserveAspectRatio="none"><rect class="djtaskq-whole" width="100" height="8"/>'
        '<rect class="djtaskq-bar" width="{}" height="8"/></svg> {}</span>',
        *(kind, f"{label}: {text}" if label else text, mark_safe(f"{part:.1f}"), shown),  # noqa: S308  a number
    )


def figure(value: float) -> str:
    """A number as people read it: thousands apart, no more decimals than tell something."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2g}"  # noqa: PLR2004  below it decimals tell more
