"""The way between the suite's pages: those that are installed, and that the user may see."""

import dataclasses

from django.apps import apps
from django.contrib.admin.sites import AdminSite, all_sites
from django.contrib.admin.sites import site as default_site
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

# The label, the letter after `g`, and the model whose list the page is: by name, since the core knows no app.
PAGES: tuple[tuple[str | Promise, str, str], ...] = (
    (_("dashboard"), "d", "djtaskq_monitor.Dashboard"),
    (_("tasks"), "t", "djtaskq_monitor.TaskState"),
    (_("task names"), "n", "djtaskq_monitor.TaskName"),
    (_("workers"), "w", "djtaskq_monitor.WorkerState"),
    (_("queues"), "q", "djtaskq_monitor.QueueState"),
    (_("cameras"), "c", "djtaskq_monitor.CameraState"),
    (_("schedules"), "s", "django_celery_beat.PeriodicTask"),
    (_("timetable"), "m", "djtaskq_beat.NextRun"),
    (_("runs"), "u", "djtaskq_beat.TaskRun"),
    (_("results"), "e", "django_celery_results.TaskResult"),
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A page in the navigation; `key` is the letter that goes there, `current` is where the user is."""

    label: str
    url: str
    key: str
    current: bool


def navigation(request: HttpRequest) -> list[Entry]:
    """The pages that this user may see, in the order of `PAGES`."""
    site = _site(request)
    found = []
    for label, key, name in PAGES:
        url = _url(site, request, name)
        if url:
            current = request.path.startswith(url)
            found.append(Entry(label=capfirst(str(label)), url=url, key=key, current=current))
    return found


def _site(request: HttpRequest) -> AdminSite:
    """The admin site that answers: a project may have several."""
    name = getattr(request, "current_app", None)
    return next((site for site in all_sites if site.name == name), default_site)


def _url(site: AdminSite, request: HttpRequest, name: str) -> str:
    """The list of that model; empty where it is not installed, not registered or not permitted."""
    try:
        model = apps.get_model(name)
    except LookupError:
        return ""
    if not site.is_registered(model):
        return ""
    if not site.get_model_admin(model).has_view_or_change_permission(request):
        return ""
    options = model._meta
    try:
        return reverse(f"admin:{options.app_label}_{options.model_name}_changelist", current_app=site.name)
    except NoReverseMatch:
        return ""
