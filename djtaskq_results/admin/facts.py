"""What is known of a task beside its state, as names and values."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from djtaskq.admin import widgets
from djtaskq.outcomes import Link


def facts(row: Any, panel: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The pairs that `key_values` shows; what is not known is left out."""
    yield _("Worker"), _worker(row.worker)
    detail = panel["detail"]
    if detail is not None and detail.queue:
        yield _("Queue"), detail.queue
    if detail is not None and detail.retries:
        yield _("Retries"), detail.retries
    yield _("Last change"), widgets.when(row.date_done)
    if panel["runtime"] is not None:
        yield _("Took"), widgets.duration(panel["runtime"])
    if panel["schedule"] or row.periodic_task_name:
        yield _("Schedule"), _link(panel["schedule"] or Link(label=row.periodic_task_name, url=""))
    if panel["links"]:
        yield _("See"), widgets.linked(panel["links"])
    if panel["group"]:
        yield _("Group"), _link(panel["group"])
    if panel["repeated"]:
        yield _("Runs again"), _link(panel["repeated"])
    if panel["repeats"]:
        yield (
            _("Run again as"),
            format_html_join("", "<div>{}</div>", ((_link(x),) for x in panel["repeats"])),
        )


def _worker(name: str | None) -> SafeString | str:
    if not name:
        return ""
    url = reverse("admin:django_celery_results_taskresult_changelist", query={"worker": name})
    return _link(Link(label=name, url=url))


def _link(link: Link) -> SafeString | str:
    return format_html('<a href="{}">{}</a>', link.url, link.label) if link.url else link.label
