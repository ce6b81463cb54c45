"""The dashboard in a browser under a strict Content-Security-Policy: charts, the brush, where links lead."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

from djtaskq_monitor.models import QueueSample, QueueState, TaskState, WorkerState
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import folding
from tests.monitoring import event, success
from tests.waiting import eventually

PASSWORD = "for-this-test-alone"
HTML = "<script>alert(1)</script>"
NAMES = ("shop.charge", "shop.mail", HTML)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(live_server, settings):
    """An admin with half an hour of tasks behind it; its address."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.policy.policy"]
    User.objects.create_superuser("ann", password=PASSWORD)
    now = timezone.now()
    WorkerState.objects.create(
        hostname="one@host", last_heartbeat=now + dt.timedelta(hours=1), freq=2, active=1
    )
    queue = QueueState.objects.create(name=f"mail{HTML}", length=9, consumers=0, oldest=now, told=now)
    for ago in range(30):
        minute = now.replace(second=0, microsecond=0) - dt.timedelta(minutes=ago)
        QueueSample.objects.create(queue=queue, at=minute, length=30 - ago)
    record(now)
    return f"{live_server.url}/admin/"


def record(now, number=30, ago=60):
    """A task each minute, the first of three fails."""
    recorder = Recorder(10_000)
    shift = now.timestamp() - event("x", 0)["timestamp"]
    for each in range(number):
        *life, end = success(f"task-{each}-{ago}", worker="one@host")
        if each % 3 == 0:
            end = event("task-failed", 0.9, uuid=f"task-{each}-{ago}", exception=f"KeyError({HTML!r})")
        for told in (*life, end):
            told |= {"timestamp": told["timestamp"] + shift - ago * (each + 1)}
            if "name" in told:
                told["name"] = NAMES[each % 3]
            recorder.take(told)
    assert not store.write(recorder.swap(), using="default")[0]
    folding.fold(using="default")


def follow(browser, selector):
    """Click a link, and wait for the page that it leads to."""
    before = browser.driver.current_url
    browser.click(selector)
    eventually(lambda: browser.driver.current_url != before)
    return browser.driver.current_url


def charts(browser):
    """The titles of the charts that are drawn."""
    drawn = browser.driver.find_elements(By.CSS_SELECTOR, "[data-chart]:not([aria-busy]) figure:has(canvas)")
    return [figure.find_element(By.TAG_NAME, "figcaption").text for figure in drawn]


def query(browser):
    return {name: values[0] for name, values in parse_qs(urlsplit(browser.driver.current_url).query).items()}


def test_from_the_verdict_to_what_is_behind_it(browser, site, screenshots):
    browser.log_in(site, "ann", PASSWORD)
    follow(browser, '.model-dashboard a[href$="/dashboard/"]')

    verdict = browser.find(".djtaskq-verdict").text
    assert "1 thing is wrong, 1 more needs a look" in verdict
    assert f"Nobody takes from mail{HTML}" in verdict
    expected = ["Tasks (tasks/min)", "Runtime (s)", "Wait in the queue (s)", "Messages in the longest queues"]
    eventually(lambda: charts(browser) == expected, message=lambda: charts(browser))
    browser.screenshot(screenshots / "dashboard.png")

    overlay = browser.find("[data-chart] .u-over")
    ActionChains(browser.driver).drag_and_drop_by_offset(overlay, 100, 0).perform()
    eventually(lambda: {"since", "until"} <= query(browser).keys())
    since, until = (dt.datetime.fromisoformat(query(browser)[name]) for name in ("since", "until"))
    assert dt.timedelta(0) < until - since < dt.timedelta(hours=1)
    eventually(lambda: charts(browser) == expected)
    follow(browser, '.djtaskq-tabs a[href*="6h"]')
    assert query(browser) == {"span": "6h"}

    follow(browser, '[data-live="failures"] td:first-child a')
    assert query(browser)["state"] == "FAILURE"
    assert query(browser)["exception"] == "KeyError"
    assert query(browser)["name"] == "shop.charge"
    listed = browser.driver.find_elements(By.CSS_SELECTOR, "#result_list tbody tr")
    assert len(listed) == TaskState.objects.filter(state="FAILURE").count() == 10

    browser.open(f"{site}djtaskq_monitor/dashboard/")
    follow(browser, '[data-live="failures"] td br + a')
    assert "shop.charge" in browser.find("#content h1, h1 + *").text + browser.text()
    eventually(lambda: len(charts(browser)) == 3)
    browser.screenshot(screenshots / "task-name.png")
    follow(browser, '[data-live="failed"] a')
    assert "/taskstate/" in browser.driver.current_url


def test_what_happens_is_seen_without_a_word(browser, site, screenshots):
    browser.log_in(site, "ann", PASSWORD)
    browser.open(f"{site}djtaskq_monitor/taskname/?span=1h")
    assert HTML in browser.find(".djtaskq-names").text
    browser.screenshot(screenshots / "task-names.png")
    browser.open(f"{site}djtaskq_monitor/dashboard/")
    assert "30 ended" in browser.find(".djtaskq-tiles").text
    browser.driver.execute_script(
        "const each = document.querySelector('.djtaskq-refreshing').elements.every; each.value = '1';"
        "each.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    record(timezone.now(), number=3, ago=7)
    eventually(lambda: "33 ended" in browser.find(".djtaskq-tiles").text, timeout=20)
