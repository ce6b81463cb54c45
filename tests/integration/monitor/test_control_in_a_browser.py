"""The main actions as a person does them, under a strict policy, on real workers of both brokers."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from selenium.common.exceptions import StaleElementReferenceException

from djtaskq_monitor.models import TaskState, WorkerState
from tests.integration.monitor.controlling import APP, NAME
from tests.waiting import eventually

PASSWORD = "for-this-test-alone"
SLOW = f"{APP}.slow"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(live_server, settings, pages_of_control, browser):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.policy.policy"]
    settings.DJTASKQ = {"MONITOR_CONTROL_SECONDS": 10.0}
    User.objects.create_superuser("ann", password=PASSWORD)
    site = f"{live_server.url}/admin/"
    browser.log_in(site, "ann", PASSWORD)
    return f"{site}djtaskq_monitor/"


def shows(browser, text):
    def said():
        try:
            return text in browser.text()
        except StaleElementReferenceException:
            return False

    eventually(said, timeout=20, message=lambda: f"{text!r} in:\n{browser.text()[:3000]}")


def row(hostname):
    return WorkerState.objects.create(hostname=hostname, last_heartbeat=timezone.now(), freq=1000)


def test_a_worker_is_looked_at_and_told_what_to_do(browser, site):
    page = f"{site}workerstate/{row(NAME).pk}/change/"
    browser.open(page)
    shows(browser, "celery.concurrency.prefork")
    browser.click(".djtaskq-asked form[action$='pool-grow/'] button")
    shows(browser, "pool will grow")

    browser.open(f"{page}?tab=queues")
    browser.fill("#djtaskq-add-consumer input[name=queue]", "from-a-browser")
    browser.click("#djtaskq-add-consumer button")
    shows(browser, "add consumer from-a-browser")
    browser.open(f"{page}?tab=queues")
    browser.find("input[value=from-a-browser] ~ button").click()
    shows(browser, "no longer consuming from from-a-browser")

    browser.open(f"{page}?tab=limits")
    browser.find(f"a[href*='rate-limit'][href*='{SLOW}']").click()
    browser.fill("#id_rate_limit", "10/m")
    browser.click("#djtaskq-command input[type=submit]")
    shows(browser, "new rate limit set successfully")
    eventually(lambda: "10/m" in browser.find(".djtaskq-asked table").text, timeout=20)
    browser.find(f"a[href*='rate-limit'][href*='{SLOW}']").click()
    assert browser.find("#id_rate_limit").get_attribute("value") == "10/m"
    browser.find("#id_rate_limit").clear()
    browser.click("#djtaskq-command input[type=submit]")
    shows(browser, "rate limit disabled successfully")


def test_a_task_is_terminated_from_its_worker_and_one_revoked_from_its_page(browser, site, control_app):
    worker = row(NAME)
    control_app.send_task(SLOW, (60,), task_id="to-be-ended")
    browser.open(f"{site}workerstate/{worker.pk}/change/?tab=active")

    def running():
        browser.click("[data-ask-again]")
        eventually(lambda: browser.find(".djtaskq-asked").get_attribute("aria-busy") == "false")
        return "to-be-ended" in browser.find(".djtaskq-asked").text

    eventually(running, timeout=20)
    browser.click(".djtaskq-asked a[href*='terminate']")
    browser.click("#id_signal option[value=SIGKILL]")
    browser.click("#djtaskq-command input[type=submit]")
    shows(browser, "terminate: to-be-ended")

    task = TaskState.objects.create(task_id="waits", name=SLOW, state="RECEIVED", tstamp=timezone.now())
    browser.open(f"{site}taskstate/{task.pk}/change/")
    browser.click("#djtaskq-revoke button")
    shows(browser, "flagged as revoked")


def test_workers_of_the_list_are_pinged_and_one_is_shut_down(browser, site, start_worker):
    second = start_worker("w2@control", "--pool=solo")
    row(NAME)
    row("w2@control")
    browser.open(f"{site}workerstate/")
    browser.click("#action-toggle")
    browser.click("select[name=action] option[value=ping]")
    browser.click("button[name=index]")
    browser.click("#djtaskq-command input[type=submit]")
    eventually(lambda: browser.find("#djtaskq-answers").text.count("pong") == 2)

    browser.open(f"{site}workerstate/?q=w2")
    browser.click("tbody .action-select")
    browser.click("select[name=action] option[value=shutdown]")
    browser.click("button[name=index]")
    shows(browser, "Nothing here can start it again")
    browser.click("#djtaskq-command input[type=submit]")
    shows(browser, "workers do not answer it")
    assert second.wait(30) == 0
    browser.open(f"{site}workerstate/")
    shows(browser, "Shut down: sent; workers do not answer it")
