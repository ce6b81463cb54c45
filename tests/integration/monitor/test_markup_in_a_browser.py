"""Whatever a worker, a broker or a person puts into a text: every page of the monitor shows it as text.

Stored and reflected scripts in arguments and queue names (mher/flower 594, 650, 1041) are among these pages;
CVE-2022-30034, pages open to whoever asks, is held by the last test.
"""

import re
from urllib.parse import urlencode, urlsplit

import pytest
from django.contrib.admin import site as admin_site
from django.contrib.auth.models import User
from django.db.models import CharField, TextField
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone
from selenium.common.exceptions import NoAlertPresentException

from djtaskq_monitor.models import CameraState, QueueState, SavedView, TaskState, WorkerState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import folding
from tests.monitoring import event, message

PASSWORD = "for-this-test-alone"
# Out of a text, out of an attribute, out of a script; and what a template or a formatter might undo.
MARKUP = (
    "\"'><img src=x data-injected onerror=alert(1)><svg/onload=alert(1)></script>"
    "<script>alert(1)</script>{{7*7}}%s"
)
SHORT = "<b data-injected onclick=alert(1)>\"'"
# As many pages of one kind are opened.
OF_A_KIND = 2
MOST_PAGES = 45
OPENED = ("taskstate_change", "workerstate_change", "run_again", "task", "queuestate_changelist")
FILTERS = ("q", "name", "worker", "queue", "exception", "root", "state", "since")
pytestmark = pytest.mark.django_db(transaction=True)


def filled(model, **values):
    """A row with markup in every text that it has."""
    for field in model._meta.concrete_fields:
        if field.name in {"repeats", "outcome", "digest"} or field.name in values:
            continue
        if isinstance(field, CharField | TextField):
            values[field.attname] = MARKUP[: field.max_length] if (field.max_length or 999) > 99 else SHORT
    return model.objects.create(**values)


@pytest.fixture
def hostile(live_server, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.policy.policy"]
    user = User.objects.create_superuser("ann", password=PASSWORD)
    now = timezone.now()
    worker = filled(WorkerState, last_heartbeat=now, freq=2, pid=1, active=1)
    filled(QueueState, length=3, told=now)
    filled(CameraState, pid=1, freq=1, started=now, last_write=now, last_error_at=now)
    filled(SavedView, user=user, page="tasks", shared=True)
    times = dict.fromkeys(("tstamp", "first_seen", "sent", "received", "started", "failed"), now)
    filled(TaskState, **times)
    filled(TaskState, **times, state="FAILURE", outcome="FAILURE", task_id=f"2{SHORT}", worker=worker)
    filled(TaskState, **times, state="PROGRESS", task_id="plain", root_id=f"2{SHORT}", parent_id=f"2{SHORT}")
    names = {"name": MARKUP, "queue": MARKUP, "exchange": MARKUP, "routing_key": MARKUP}
    recorder = Recorder(100, clock=now.timestamp)
    sent = message("counted") | names
    for each in (event("task-sent", 0, **sent), event("task-received", 1, hostname=MARKUP, **sent)):
        recorder.take(each | {"timestamp": now.timestamp()})
    store.write(recorder.swap(), using="default")
    folding.fold(using="default")
    return live_server.url


def links(browser):
    found = browser.driver.execute_script("return [...document.querySelectorAll('a[href]')].map(a => a.href)")
    return [url for url in found if urlsplit(url).path.startswith("/admin/djtaskq_monitor/")]


def kind(url):
    match = resolve(urlsplit(url).path)
    return match.url_name, tuple(sorted(part.partition("=")[0] for part in urlsplit(url).query.split("&")))


def test_every_page_shows_markup_as_text(browser, hostile):
    browser.log_in(f"{hostile}/admin/", "ann", PASSWORD)
    models = [model for model in admin_site._registry if model._meta.app_label == "djtaskq_monitor"]
    todo = [
        hostile + reverse(f"admin:djtaskq_monitor_{model._meta.model_name}_changelist") for model in models
    ]
    todo += [hostile + reverse("admin:djtaskq_monitor_task", args=[MARKUP])]
    for row in TaskState.objects.all():
        for name in ("taskstate_change", "run_again"):
            todo.append(hostile + reverse(f"admin:djtaskq_monitor_{name}", args=[row.pk]))
    tasks = hostile + reverse("admin:djtaskq_monitor_taskstate_changelist")
    todo += [f"{tasks}?{urlencode({name: MARKUP})}" for name in FILTERS]
    seen, kinds, shown = set(), {}, 0
    while todo and len(seen) < MOST_PAGES:
        url = todo.pop(0)
        if url in seen or kinds.get(kind(url), 0) >= OF_A_KIND:
            continue
        seen.add(url)
        kinds[kind(url)] = kinds.get(kind(url), 0) + 1
        browser.open(url)
        with pytest.raises(NoAlertPresentException):
            _ = browser.driver.switch_to.alert.text
        injected = "[data-injected], a[href^='javascript' i], [onerror], [onload], [onclick]"
        found = browser.driver.execute_script(f'return document.querySelectorAll("{injected}").length')
        assert found == 0, url
        source = browser.driver.page_source
        assert "49%s" not in source, url
        shown += "data-injected" in browser.text()
        todo += links(browser)
    assert {f"djtaskq_monitor_{name}" for name in OPENED} <= {name for name, _query in kinds}
    # A page that shows no markup proves nothing.
    assert shown >= 12


def test_no_page_is_open_to_who_is_not_logged_in(db):
    """CVE-2022-30034: Flower's pages and its control of workers were open to everybody."""
    task = TaskState.objects.create(task_id="t", tstamp=timezone.now(), state="STARTED")
    anybody = Client()
    for pattern in admin_site.urls[0]:
        for url in _urls(pattern, "/admin/", task.pk):
            for answer in (anybody.get(url), anybody.post(url)):
                assert answer.status_code in {302, 403, 404, 405}, url
                if answer.status_code == 302:
                    assert answer["Location"].startswith(("/admin/login/", "/admin/", url)), url
    assert TaskState.objects.get().state == "STARTED"


def _urls(pattern, before, pk):
    """Each URL below the monitor's part of the admin, with a key where one is asked for."""
    route = str(pattern.pattern)
    if hasattr(pattern, "url_patterns"):
        if route.startswith("djtaskq_monitor/"):
            for inner in pattern.url_patterns:
                yield from _urls(inner, before + route, pk)
        return
    if before.startswith("/admin/djtaskq_monitor/"):
        yield before + re.sub(r"<[^>]+>", str(pk), route)
