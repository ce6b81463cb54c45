"""Who looks at the monitor's pages, and the brokers that are asked for their queues."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import override_settings

from djtaskq_monitor.dashboard import memory
from tests.contract.monitor.brokering import KINDS, SEP, Setting


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What one test's dashboard showed is none of another's business."""
    memory.forget()


@pytest.fixture
def viewer(database, client):
    someone = User.objects.create_user("viewer", password="x", is_staff=True)
    someone.user_permissions.set(Permission.objects.filter(codename="view_taskstate"))
    client.force_login(someone)
    return client


@pytest.fixture(params=KINDS)
def broker(request, servers):
    kind = request.param
    name = {"redis-prefixed": "redis", "amqp": "rabbitmq", "management": "rabbitmq"}.get(kind, kind)
    url = request.getfixturevalue("filesystem_broker_url" if kind == "filesystem" else f"{name}_url")
    options = SEP if kind == "redis-prefixed" else {}
    if kind == "filesystem":
        options = request.getfixturevalue("filesystem_broker_options")
    api = servers.use("rabbitmq").management_url if kind == "management" else None
    setting = Setting(url, options, api)
    setting.kind = kind
    with override_settings(DJTASKQ={"MONITOR_BROKER_API": api}):
        yield setting
    setting.app.close()
