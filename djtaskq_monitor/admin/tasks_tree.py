"""The tree of a task's relatives as its page shows it."""

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from djtaskq.admin import widgets
from djtaskq_monitor.family import MOST, Family, Node


def shown(family: Family, current: str) -> SafeString:
    """Nested lists: what a task called stands below it; `current` is not linked."""
    tree = _item(family.root, current)
    more = _("There are more: these are %d of them, the nearest ones first.") % MOST
    return format_html('<ul class="djtaskq-tree">{}</ul>{}', tree, widgets.muted(more) if family.cut else "")


def link(task_id: str | None) -> SafeString | str:
    """A link to a task by its id: nobody may know it."""
    if not task_id:
        return widgets.DASH
    return format_html('<a href="{}">{}</a>', reverse("admin:djtaskq_monitor_task", args=[task_id]), task_id)


def _item(node: Node, current: str) -> SafeString:
    below = format_html_join("", "{}", ((_item(one, current),) for one in node.below))
    return format_html(
        "<li>{}{}</li>", _label(node, current), format_html("<ul>{}</ul>", below) if below else ""
    )


def _label(node: Node, current: str) -> SafeString | str:
    if node.row is None:
        return format_html("{} {}", link(node.task_id), widgets.muted(_("no event told of it")))
    name = node.row.name or node.task_id
    if node.task_id == current:
        text = format_html('<strong aria-current="page">{}</strong>', name)
    else:
        url = reverse("admin:djtaskq_monitor_taskstate_change", args=[node.row.pk])
        text = format_html('<a href="{}" title="{}">{}</a>', url, node.task_id, name)
    took = widgets.duration(node.row.runtime) if node.row.runtime is not None else ""
    return format_html("{} {} {}", widgets.state_badge(node.row.state), text, widgets.muted(took))
