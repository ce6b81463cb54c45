"""Who asks the described API, and ten tasks to ask for."""

import pytest
from celery import Celery, current_app
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db.models import Q
from django.test import Client
from django.test.utils import override_settings

from djtaskq_monitor.api import tokens
from djtaskq_monitor.api.models import ApiToken
from tests.contract.monitor.api_v1 import mounted
from tests.contract.monitor.test_statistics import write
from tests.monitoring import TRACEBACK, event, success

DOING = ("control_worker", "revoke_task", "terminate_task", "send_task")


@pytest.fixture(autouse=True)
def settled():
    """An app whose broker has no workers; requests are counted anew for each test."""
    before = current_app._get_current_object()
    Celery("api", broker="memory://").set_current()
    cache.clear()
    with override_settings(DJTASKQ={"MONITOR_CONTROL_SECONDS": 0.1}, ROOT_URLCONF=mounted.__name__):
        yield
    cache.clear()
    before.set_current()


@pytest.fixture
def people(database):
    made = {
        name: User.objects.create_user(name, password="x", is_staff=True)
        for name in ("nobody", "viewer", "operator")
    }
    viewing = Q(content_type__app_label="djtaskq_monitor", codename__startswith="view_")
    views = list(Permission.objects.filter(viewing | Q(codename="view_periodictask")))
    doing = Permission.objects.filter(content_type__app_label="djtaskq_monitor", codename__in=DOING)
    made["viewer"].user_permissions.set(views)
    made["operator"].user_permissions.set([*views, *doing])
    return made


@pytest.fixture
def token(people):
    """The headers of a token of the operator, by its scope."""
    return {
        scope: {"authorization": f"Bearer {tokens.issue(people['operator'], 'machine', scope)[0]}"}
        for scope in (ApiToken.READ, ApiToken.CONTROL)
    }


@pytest.fixture
def ask(token):
    def ask(what, *, json=None, **query):
        headers = token[ApiToken.CONTROL]
        if json is None:
            return Client().get(f"/api/v1/{what}", query, headers=headers)
        return Client().post(f"/api/v1/{what}", json, content_type="application/json", headers=headers)

    return ask


@pytest.fixture
def ten(database):
    """t0 to t9, a minute apart, on two workers; t9 failed, and t8 was called by t7."""
    for number in range(9):
        told = success(f"t{number}", 60 * number, worker=f"celery@{number % 2}")
        family = {"root_id": "t7", "parent_id": "t7"} if number == 8 else {}
        write([{**each, **family} for each in told], database)
    *begun, _ended = success("t9", 540)
    write(
        [*begun, event("task-failed", 540.9, uuid="t9", exception="no password='x'", traceback=TRACEBACK)],
        database,
    )
