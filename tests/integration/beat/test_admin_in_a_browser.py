"""The periodic task's form and buttons as a person uses them, under a strict Content-Security-Policy."""

import contextlib
import socket
from contextlib import closing

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By

from tests.waiting import eventually

PASSWORD = "for-this-test-alone"
TASK = "djtaskq.project.tasks.total_prices"


@pytest.fixture
def site(tmp_path, processes):
    """The web process alone; the admin's address."""
    environment = {
        "DJTASKQ_DEMO": "1",
        "DJTASKQ_HOME": str(tmp_path / "home"),
        "DJANGO_SETTINGS_MODULE": "tests.integration.beat.strict",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    for command in (
        ["migrate"],
        ["createsuperuser", "--noinput", "--username=ann", "--email=ann@example.com"],
    ):
        assert processes.manage(*command, environment=environment).wait(60) == 0
    for folder in ("messages", "control"):
        (tmp_path / "home" / "broker" / folder).mkdir(parents=True)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = processes.manage("runserver", "--noreload", f"127.0.0.1:{port}", environment=environment)
    web.wait_for("Quit the server with")
    return f"http://127.0.0.1:{port}/admin/"


def says(browser, field, text):
    """Wait until the line under this field says so; "" for nothing at all."""

    def said():
        # In one go: the page may replace the line between finding and reading it.
        shown = browser.driver.execute_script(
            "return (document.getElementById(arguments[0]) || {innerText: ''}).innerText",
            f"djtaskq-typed-{field}",
        )
        return text in shown if text else shown == ""

    eventually(said, message=lambda: f"{text!r} under {field}, in:\n{browser.text()[:3000]}")


def choose(browser, field, text):
    def chosen():
        # The list is drawn anew when its answer comes.
        with contextlib.suppress(StaleElementReferenceException):
            for option in browser.driver.find_elements(By.CSS_SELECTOR, ".select2-results__option"):
                if option.text == text:
                    option.click()
                    return True
        return False

    browser.click(f".field-{field} .select2-selection")
    eventually(chosen)


def save(browser):
    browser.click("input[name=_continue]")
    browser.find("ul.messagelist .success")


def test_the_form_says_what_is_wrong_as_one_types_and_the_buttons_work(browser, site):
    browser.log_in(site, "ann", PASSWORD)
    browser.open(site + "django_celery_beat/intervalschedule/add/")
    browser.fill("#id_every", "90")
    browser.click("#id_period option[value=seconds]")
    browser.click("input[name=_save]")
    browser.find("ul.messagelist .success")

    browser.open(site + "django_celery_beat/periodictask/add/")
    browser.driver.execute_script("document.querySelectorAll('details').forEach(part => part.open = true)")
    browser.fill("#id_name", "Typed")
    browser.fill("#id_task", "nowhere.to.be.found")
    says(browser, "task", "Warning: No task named “nowhere.to.be.found”")
    says(browser, "interval", "")
    browser.fill("#id_task", TASK)
    says(browser, "task", "")
    says(browser, "args", "missing a required argument: 'lines'")
    browser.fill("#id_args", "[1,")
    says(browser, "args", "Error: This is no JSON")
    says(browser, "args", "line 1, column 4")
    browser.fill("#id_args", '[["apples 2.50"]]')
    says(browser, "args", "")
    choose(browser, "interval", "every 90 seconds")
    says(browser, "next", "As it stands here, it runs next:")
    browser.fill("#id_queue", "nobody")
    says(browser, "consumers", "nobody consumes “nobody”")
    described = browser.find("#id_queue").get_attribute("aria-describedby").split()
    assert "djtaskq-typed-consumers" in described
    save(browser)

    browser.click("#djtaskq-pause button")
    browser.find("#djtaskq-resume")
    assert "the slots until then are skipped" in browser.text()
    browser.click("#djtaskq-resume button")
    eventually(lambda: not browser.driver.find_elements(By.ID, "djtaskq-resume"))
    assert "Resumed: it runs at its next slot." in browser.text()
    browser.click("#djtaskq-duplicate button")
    browser.find("#id_name[value='Typed (copy)']")
    assert not browser.find("#id_enabled").is_selected()

    for page in (
        "django_celery_beat/periodictask/?condition=paused",
        "djtaskq_beat/nextrun/",
        "djtaskq_beat/beat/",
    ):
        browser.open(site + page)
        browser.find("#content-main")
