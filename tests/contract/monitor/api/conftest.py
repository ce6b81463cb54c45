"""Who asks the API, and events as a camera writes them."""

import pytest
from celery import Celery, current_app
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings

from djtaskq_monitor.api import tokens
from djtaskq_monitor.api.models import ApiToken
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from tests.contract.monitor.api import mounted
from tests.monitoring import NOW

DOING = ("control_worker", "revoke_task", "terminate_task", "send_task")


@pytest.fixture(autouse=True)
def settled():
    """An app whose broker has no workers; requests are counted anew for each test."""
    before = current_app._get_current_object()
    app = Celery("api", broker="memory://")
    app.set_current()
    cache.clear()
    with override_settings(DJTASKQ={"MONITOR_CONTROL_SECONDS": 0.1}, ROOT_URLCONF=mounted.__name__):
        yield
    cache.clear()
    app.control.purge()  # what was sent by name stays in this process otherwise
    before.set_current()


@pytest.fixture
def people(database):
    views = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__startswith="view_")
    doing = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__in=DOING)
    made = {
        name: User.objects.create_user(name, password="x", is_staff=True)
        for name in ("nobody", "viewer", "operator")
    }
    made["viewer"].user_permissions.set(views)
    made["operator"].user_permissions.set([*views, *doing])
    return made


@pytest.fixture
def ask(people):
    """Ask with a control token of the operator: `ask("tasks", limit=3)`, `ask("task/revoke/x", post={})`."""
    text, _row = tokens.issue(people["operator"], "ask", ApiToken.CONTROL)
    client = Client()

    def ask(what, *, post=None, json=None, **query):
        options = {"headers": {"authorization": f"Bearer {text}"}}
        if json is not None:
            return client.post(f"/api/{what}", json, content_type="application/json", **options)
        if post is not None:
            return client.post(f"/api/{what}", post, **options)
        return client.get(f"/api/{what}", query, **options)

    return ask


@pytest.fixture
def write(database):
    """Write events as a camera does."""

    def write(events):
        recorder = Recorder(1_000, clock=lambda: NOW)
        for each in events:
            recorder.take(each)
        store.write(recorder.swap(), using=database)

    return write
