"""Looking at what waits and purging it, as a person does it, under a strict policy, on both brokers."""

import pytest
from celery import Celery
from django.contrib.auth.models import User

from djtaskq_monitor.admin import queue_actions
from djtaskq_monitor.brokers.watching import Watch
from djtaskq_monitor.models import QueueState
from tests.waiting import eventually

HTML = "<img src=x onerror=alert(1)>"
PASSWORD = "for-this-test-alone"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["redis", "rabbitmq"])
def app(request, servers, settings, monkeypatch):
    """An app on a broker that shows what waits; its one queue has markup for a name."""
    app = Celery("browser", broker=request.getfixturevalue(f"{request.param}_url"), set_as_current=False)
    app.conf.task_default_queue = HTML
    api = servers.use("rabbitmq").management_url if request.param == "rabbitmq" else None
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.policy.policy"]
    settings.DJTASKQ = {"MONITOR_BROKER_API": api}
    monkeypatch.setattr(queue_actions, "current_app", app)
    yield app
    app.close()


def test_waiting_messages_are_looked_at_and_purged(app, live_server, browser):
    for number in range(3):
        app.send_task("proj.add", args=(number, HTML), kwargs={"token": "hunter2"})
    watch = Watch(app)

    def asked():
        QueueState.objects.update(asked=None)
        watch.turn()
        return QueueState.objects.get(name=HTML).length == 3

    eventually(asked)

    User.objects.create_superuser("ann", password=PASSWORD)
    site = f"{live_server.url}/admin/"
    browser.log_in(site, "ann", PASSWORD)
    browser.open(f"{site}djtaskq_monitor/queuestate/")
    assert "no worker takes from it" in browser.text()
    browser.click(".djtaskq-queues tbody th a")
    browser.find("[data-chart] canvas")
    browser.click("form[action$='messages/'] button")
    browser.find("table.djtaskq-waiting")
    assert f"(2, '{HTML}')" in browser.text()
    assert "hunter2" not in browser.driver.page_source

    browser.click(".breadcrumbs a:last-of-type")
    browser.click("a[href$='purge/']")
    browser.fill("#id_messages", "2")
    browser.click(".submit-row input[type=submit]")
    assert "Type 3" in browser.find(".errorlist").text
    browser.fill("#id_messages", "3")
    browser.click(".submit-row input[type=submit]")
    assert "3 messages were deleted." in browser.find(".messagelist").text
    assert "Purge the queue: 3 messages were deleted" in browser.text()
