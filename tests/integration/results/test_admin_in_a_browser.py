"""From a failure in the list to the task that was run again, under a strict Content-Security-Policy."""

import socket
from contextlib import closing

import pytest
from selenium.common.exceptions import StaleElementReferenceException

from tests.waiting import eventually

PASSWORD = "for-this-test-alone"
TASK = "djtaskq.project.tasks.total_prices"
STORE = f"""
from djtaskq.project.celery import app
from celery.app.task import Context

def request(task_id):
    return Context(id=task_id, task="{TASK}", hostname="one@host", argsrepr="(['pears'],)", kwargsrepr="{{}}")

traceback = 'File "/srv/shop.py", line 3, in total\\n    add(line)'
app.backend.mark_as_failure("failed", ValueError("no price in 'pears'"), traceback, request("failed"))
for number in range(120):
    app.backend.mark_as_done(f"done-{{number:03}}", number, request(f"done-{{number:03}}"))
"""


@pytest.fixture
def site(tmp_path, processes):
    """The web process and a worker; the admin's address."""
    environment = {
        "DJTASKQ_DEMO": "1",
        "DJTASKQ_HOME": str(tmp_path / "home"),
        "DJANGO_SETTINGS_MODULE": "tests.integration.beat.strict",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    for folder in ("messages", "control"):
        (tmp_path / "home" / "broker" / folder).mkdir(parents=True)
    for command in (
        ["migrate"],
        ["createsuperuser", "--noinput", "--username=ann", "--email=ann@example.com"],
        ["shell", "--command", STORE],
    ):
        assert processes.manage(*command, environment=environment).wait(60) == 0
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = processes.manage("runserver", "--noreload", f"127.0.0.1:{port}", environment=environment)
    worker = processes.python(
        *("-m", "celery", "-A", "djtaskq.project.celery", "worker", "--pool=solo", "--loglevel=INFO"),
        *("--queues=celery,reports", "--without-gossip", "--without-mingle"),
        environment=environment,
    )
    web.wait_for("Quit the server with")
    worker.wait_for("ready.")
    return f"http://127.0.0.1:{port}/admin/"


def shows(browser, text):
    """Wait until the page says so: a click has returned before the next page is there."""

    def said():
        try:
            return text in browser.text()
        except StaleElementReferenceException:
            return False

    eventually(said, message=lambda: f"{text!r} in:\n{browser.text()[:3000]}")


def test_a_failure_is_found_and_run_again_and_results_are_forgotten(browser, site):
    results = f"{site}django_celery_results/taskresult/"
    browser.log_in(site, "ann", PASSWORD)
    browser.open(results)
    browser.click("a[rel=next]")
    browser.click("a[rel=prev]")
    browser.find("a[rel=next]")
    browser.fill("input[name=worker]", "one@host")
    browser.click("input[name=worker] ~ button")
    browser.find("#changelist-filter-extra-actions")
    browser.open(f"{results}?status=FAILURE")
    browser.click("#result_list tbody th a")

    why = browser.find("#djtaskq-why").text
    assert "no price in 'pears'" in why
    assert "/srv/shop.py" in why
    browser.find("[data-copied] + .djtaskq-copy")
    browser.click("#djtaskq-run-again")
    shows(browser, "are not stored")
    browser.fill("#id_args", '[["pears 2.50", "plums 1"]]')
    browser.fill("#id_kwargs", "{}")
    browser.click("input[type=submit].default")
    sent = browser.find("ul.messagelist .success a").get_attribute("href")

    def succeeded():
        browser.open(sent)
        return "SUCCESS" in browser.find("#changelist-form, .djtaskq-empty").text

    eventually(succeeded, timeout=30, message=browser.text)
    browser.click("#result_list tbody th a")
    shows(browser, "3.5")
    shows(browser, "failed")

    browser.open(f"{results}?status=SUCCESS")
    browser.click("#action-toggle")
    browser.click(".actions .question a")
    browser.click(".actions select option[value=forget]")
    browser.click(".actions button")
    shows(browser, "121 results")
    browser.click("#content input[type=submit]")
    shows(browser, "121 of 121")  # by the worker: the page looks again by itself
    shows(browser, "121 done, 0 left out.")
    browser.open(f"{results}?status=SUCCESS")
    browser.find(".djtaskq-empty")
