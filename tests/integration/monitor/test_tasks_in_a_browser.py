"""The list of tasks in a browser under a strict Content-Security-Policy: filters on a phone, at a desk."""

import pytest
from django.contrib.auth.models import User
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser import PHONE
from tests.contract.monitor.listing import rows
from tests.waiting import eventually

PASSWORD = "for-this-test-alone"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tasks(live_server, settings, browser):
    """The list, before somebody who is logged in; its address."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.policy.policy"]
    User.objects.create_superuser("ann", password=PASSWORD)
    rows(3)
    browser.log_in(f"{live_server.url}/admin/", "ann", PASSWORD)
    yield f"{live_server.url}/admin/djtaskq_monitor/taskstate/"
    browser.emulate()


def seen(browser):
    """Whether the filters are; selenium itself takes all in a closed <details> for hidden."""
    return browser.driver.execute_script(
        "return arguments[0].checkVisibility() && arguments[0].offsetHeight > 0",
        browser.find("[data-search]"),
    )


def press(browser, keys):
    ActionChains(browser.driver).send_keys(keys).perform()


def test_filters_are_folded_on_a_phone_and_stay_as_somebody_left_them(tasks, browser):
    browser.emulate(size=PHONE)
    browser.open(f"{tasks}?name=shop.usual")
    summary = browser.find(".djtaskq-folded > summary")
    assert not seen(browser)
    assert "Task name shop.usual" in summary.text
    assert browser.find("#result_list tbody tr").rect["y"] < PHONE[1]

    browser.driver.execute_script("arguments[0].focus()", summary)
    press(browser, Keys.ENTER)
    assert seen(browser)
    rows(1, name="shop.usual", task_id="new-one")
    press(browser, "r")
    eventually(lambda: "new-one" in browser.find("#result_list").text)
    assert seen(browser), "a refresh folds nothing"

    browser.open(tasks)
    press(browser, "/")
    assert browser.driver.switch_to.active_element.get_attribute("name") == "q"


def test_filters_stand_open_where_there_is_room(tasks, browser):
    browser.open(tasks)
    assert seen(browser)
    assert not browser.find(".djtaskq-folded > summary").is_displayed()
