"""The tree of a task's relatives as a page shows it."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from djtaskq.admin import widgets
from djtaskq_results.relatives import Family
from djtaskq_results.trees import Node


def shown(family: Family, current: str = "") -> SafeString:
    """Nested lists: what a task called, and what ran after it, stand below it. `current` is not linked."""
    tree = _item(family, family.root, current)
    more = widgets.muted(_("There is more, which is not shown.")) if family.cut else ""
    return format_html('<ul class="djtaskq-tree">{}</ul>{}', tree, more)


def _item(family: Family, node: Node, current: str) -> SafeString:
    below = format_html_join("", "{}", ((_item(family, one, current),) for one in node.below))
    if node.hidden:
        text = ngettext("and %d more", "and %d more", node.hidden) % node.hidden
        below = format_html("{}<li>{}</li>", below, widgets.muted(text))
    then = format_html_join("", "{}", ((_item(family, one, current),) for one in node.then))
    label = _group(family, node) if node.is_group else _task(family, node, current)
    return format_html(
        "<li>{}{}{}</li>",
        label,
        format_html("<ul>{}</ul>", below) if below else "",
        format_html("<ul>{}</ul>", _then(then)) if then else "",
    )


def _then(items: SafeString) -> SafeString:
    return format_html("<li>{}<ul>{}</ul></li>", widgets.muted(_("then")), items)


def _task(family: Family, node: Node, current: str) -> SafeString:
    known: Any = family.known.get(node.id)
    state = widgets.state_badge(known.state) if known else ""
    name = (known and known.name) or node.id
    text: SafeString | str = name
    if node.id == current:
        text = format_html('<strong aria-current="page">{}</strong>', name)
    elif known and known.url:
        text = format_html('<a href="{}" title="{}">{}</a>', known.url, node.id, name)
    return format_html("{} {}", state, text)


def _group(family: Family, node: Node) -> SafeString:
    size = len(node.members)
    text = ngettext("Group of %d", "Group of %d", size) % size
    counts = family.counts.get(node.id)
    if not counts:
        return format_html('<span title="{}">{}</span>', node.id, text)
    each = format_html_join(
        " ", "{} {}", ((count, widgets.state_badge(state)) for state, count in counts.items())
    )
    counted = sum(counts.values())
    if counted < size:
        each = format_html("{} {}", each, widgets.muted(_("(the first %d)") % counted))
    return format_html('<span title="{}">{}</span>: {}', node.id, text, each)
