"""How far a task is: a bar, the figures, and what the task says that it does."""

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from djtaskq.admin.parts.drawings import bar, figure
from djtaskq.admin.widgets import NO_BREAK
from djtaskq.task_progress import Progress


def progress_bar(progress: Progress | None) -> SafeString | str:
    """A line of its own; empty where nothing is known."""
    if progress is None:
        return ""
    drawn = bar(progress.done, progress.total, label=_("Progress"), text=said(progress))
    text = format_html(' <span class="djtaskq-muted">{}</span>', progress.text) if progress.text else ""
    return format_html('<p class="djtaskq-progress">{}{}</p>', drawn, text)


def said(progress: Progress) -> str:
    """`37 of 120, 31 %`; `31 %` of a hundred; `37 done` where nobody knows how many there are."""
    if progress.total is None:
        return _("%s done") % figure(progress.done)
    percent = f"{progress.percent}{NO_BREAK}%"
    if progress.total == 100:  # noqa: PLR2004  percents already
        return percent
    done, total = figure(progress.done), figure(progress.total)
    return _("%(done)s of %(total)s, %(percent)s") % {"done": done, "total": total, "percent": percent}
